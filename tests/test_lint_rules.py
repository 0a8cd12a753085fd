"""Each rule finds its own fault, and nothing where the fault is mended."""

import json
import runpy
from pathlib import Path

import pytest

from labctl.lint.complete import COMPLETE, as_overlay
from labctl.lint.linter import lint
from labctl.lint.rules.table import RULES
from labctl.lint.rules.tools import OLD_CLASS, REMOVED, tool_option

SOURCE = Path(__file__).parent.parent


@pytest.fixture
def examine(tmp_path):
    """The findings for an example of a rule, merged over the complete file."""

    def examined(example=""):
        (tmp_path / "complete.yml").write_text(COMPLETE)
        (tmp_path / "example.yml").write_text(as_overlay(example) if example else "services: {}\n")
        return lint([tmp_path / "complete.yml", tmp_path / "example.yml"], {}).findings

    return examined


def test_the_complete_file_has_no_fault(examine):
    """The file that all examples start from is clean."""
    assert examine() == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_fault(rule, examine):
    """The rule's `wrong` example has its finding, with the place in the example or in the complete file."""
    found = [finding for finding in examine(rule.wrong) if finding.rule == rule.id]
    assert found, [finding.rule for finding in examine(rule.wrong)]
    assert all(finding.level == rule.level and finding.cause and finding.fix for finding in found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_silent_where_its_fault_is_mended(rule, examine):
    """The rule's `right` example has no finding of any rule."""
    assert [(finding.rule, finding.cause) for finding in examine(rule.right)] == []


def test_rules_have_names_of_their_own():
    """No two rules share an id, and each explains itself."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.title.endswith((".", "!")) and rule.why for rule in RULES)


def test_each_rule_has_its_page():
    """docs/lint is what scripts/lint_pages.py makes of the rules."""
    pages = runpy.run_path(str(SOURCE / "scripts" / "lint_pages.py"))["pages"]()
    assert {path.name: path.read_text() for path in (SOURCE / "docs" / "lint").glob("*.md")} == pages


def test_the_page_of_the_tools_lists_what_the_rule_knows():
    """Each removed option stands in the table of the page, with its tools and the version."""
    lines = [line for line in tool_option.why.splitlines() if line.startswith("|")]
    for gone in REMOVED:
        since = ".".join(map(str, gone.since))
        assert all(any(tool in line and f"{gone.old} | {since}" in line for line in lines) for tool in gone.tools), gone
    assert any(OLD_CLASS in line for line in lines)


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("apache/kafka:4.4.0", "kafka-topics.sh --zookeeper zookeeper:2181 --list", "--zookeeper since Kafka 3.0"),
        ("confluentinc/cp-kafka:6.2.0", "kafka-topics --zookeeper zookeeper:2181 --list", ""),
        ("confluentinc/cp-kafka:7.9.0", "kafka-console-producer --broker-list kafka:9092 --topic a", ""),
        ("confluentinc/cp-kafka:8.0.0", "kafka-console-producer --broker-list kafka:9092 --topic a", "--broker-list"),
        ("example/tools", "kafka-topics.sh --zookeeper zookeeper:2181 --list", ""),
        ("apache/kafka:4.4.0", "kafka-topics.sh --bootstrap-server kafka:9092 --list; other --zookeeper a", ""),
        ("apache/kafka:4.4.0", "kafka-run-class.sh kafka.tools.GetOffsetShell --topic a", "no class kafka.tools."),
        ("apache/kafka:4.4.0", "kafka-console-consumer.sh --bootstrap-server k:9092 --whitelist a", "--whitelist"),
        ("apache/kafka:4.4.0", "kafka-topics.sh --list \\\n  --zookeeper a:2181", "--zookeeper"),
    ],
)
def test_an_option_counts_for_its_tool_and_version(tmp_path, image, command, expected):
    """Older tools still have it, other programs may have one of the same name, other images are not known."""
    file = tmp_path / "compose.yml"
    file.write_text(f"services: {{init: {{image: '{image}', command: {json.dumps(command)}}}}}\n")
    found = [finding.cause for finding in lint([file], {}).findings if finding.rule == "KAFKA-TOOL-OPTION"]
    assert len(found) == bool(expected)
    assert expected in "".join(found)


def test_values_of_secrets_are_not_shown(tmp_path):
    """A finding says where the quotes are, not the password between them."""
    file = tmp_path / "compose.yml"
    variables = "KAFKA_SSL_KEY_PASSWORD='hunter2'", "KAFKA_LISTENER_NAME_X_PLAIN_SASL_JAAS_CONFIG='hunter2'"
    lines = "".join(f"      - {variable}\n" for variable in variables)
    file.write_text(f"services:\n  kafka:\n    image: apache/kafka:4.4.0\n    environment:\n{lines}")
    found = [finding for finding in lint([file], {}).findings if finding.rule == "KAFKA-QUOTED-VALUE"]
    assert len(found) == len(variables)
    assert not [finding for finding in found if "hunter2" in finding.cause + finding.fix]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "KAFKA-MAP-MISSING"),
        ({"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": None}, "KAFKA-INTER-BROKER-UNKNOWN"),
        (
            {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": None, "KAFKA_INTER_BROKER_LISTENER_NAME": None},
            "KAFKA-CONTROLLER-LISTENER-MISSING",
        ),
    ],
)
def test_a_node_without_listeners_has_kafka_s_own(tmp_path, changes, rule):
    """PLAINTEXT://:9092, whatever the other settings name."""
    gone = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", *changes}
    lines = [line for line in COMPLETE.splitlines(keepends=True) if line.strip().partition(":")[0] not in gone]
    (tmp_path / "compose.yaml").write_text("".join(lines))
    assert rule in {finding.rule for finding in lint([tmp_path / "compose.yaml"], {}).findings}
