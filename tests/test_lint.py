"""`labctl lint`: whole files, formats, exit codes."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl.cli.console import Console
from labctl.cli.main import cli
from labctl.lint.complete import COMPLETE
from labctl.lint.formats import FORMATS
from labctl.lint.linter import lint

FILES = Path(__file__).parent / "compose"
GOLDEN = Path(__file__).parent / "golden" / "compose"


@pytest.mark.parametrize("path", sorted((FILES / "faulty").glob("*.yml")), ids=lambda path: path.stem)
def test_a_faulty_file_has_its_faults_and_no_others(path):
    """Every tests/compose/faulty/*.yml has the findings of its `# expect:` lines, the worst first."""
    expected = re.findall(r"^# expect: (\d+): (\S+)$", path.read_text(), re.MULTILINE)
    assert [(str(one.place.line), one.rule) for one in lint([path], {}).findings] == expected


@pytest.mark.parametrize(
    "path",
    [*sorted((FILES / "sound").glob("*.yml")), *sorted(GOLDEN.glob("*/docker-compose.yml"))],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_sound_file_has_no_finding(path):
    """Well-formed set-ups of many shapes, and what labctl itself renders for every preset, are clean."""
    assert [(one.rule, one.cause) for one in lint([path], {}).findings if one.level != "info"] == []


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `labctl lint` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        return CliRunner().invoke(cli, ["lint", *arguments], obj=Console())

    return command


def test_exit_codes(run, tmp_path):
    """0: nothing found; 1: something; 2: not readable. Findings are on stdout, the summary on stderr."""
    (tmp_path / "compose.yaml").write_text(COMPLETE)
    clean = run()
    assert (clean.exit_code, clean.stdout) == (0, "")
    assert "compose.yaml: no faults found (1 Kafka node)" in clean.stderr
    (tmp_path / "compose.yaml").write_text(COMPLETE.replace("1@broker", "1@kafka"))
    faulty = run()
    assert faulty.exit_code == 1
    assert faulty.stdout == (
        "compose.yaml:14:7: error KAFKA-VOTER-UNKNOWN: voter 1@kafka:9093: no service, container or alias is called "
        "kafka\n  fix: write 1@broker:9093\n"
    )
    assert "1 error" in faulty.stderr
    assert run("nowhere.yml").exit_code == 2


def test_a_folder_without_a_compose_file(run):
    """The names that are searched, and what to do."""
    result = run()
    assert result.exit_code == 2
    assert "no docker-compose.yml" in result.stderr
    assert "labctl lint FILE" in result.stderr


def test_several_files_are_merged_unless_each_is_meant(run, tmp_path):
    """As `docker compose -f a -f b`; with --each every file by itself."""
    (tmp_path / "a.yml").write_text(COMPLETE)
    (tmp_path / "b.yml").write_text("services: {broker: {environment: {KAFKA_PROCESS_ROLES: brokers}}}")
    assert "b.yml:1:35: error KAFKA-ROLES-INVALID" in run("a.yml", "b.yml").stdout
    assert run("--each", "a.yml", "b.yml").exit_code == 0


def test_an_ignored_rule_is_not_reported(run, tmp_path):
    """A comment at the line names the rule."""
    text = COMPLETE.replace("1@broker:9093", "1@kafka:9093  # labctl: ignore KAFKA-VOTER-UNKNOWN")
    (tmp_path / "compose.yaml").write_text(text)
    assert run().exit_code == 0


def test_a_lab_yaml_is_examined_as_plan_does(run, tmp_path):
    """Its problems have their places."""
    (tmp_path / "lab.yaml").write_text("name: my lab\nkafka: {brokers: 0}\n")
    result = run("lab.yaml")
    assert result.exit_code == 1
    assert "lab.yaml:1:1: error LAB-YAML: name:" in result.stdout
    assert "lab.yaml:2:9: error LAB-YAML: kafka.brokers:" in result.stdout


@pytest.fixture
def result(tmp_path):
    """The result for a file with an error, a warning and an info."""
    path = tmp_path / "a,b:c.yml"
    path.write_text(
        COMPLETE.replace("1@broker", "1@kafka").replace(
            "    environment:\n", "    environment:\n      ALLOW_PLAINTEXT_LISTENER: 'yes'\n", 1
        )
        + "  init:\n    image: apache/kafka:4.4.0\n    command: [kafka-topics.sh]\n"
    )
    return lint([path], {})


def test_json_has_every_finding(result):
    """One document with the files, the nodes, the findings with their places, and the notes."""
    document = json.loads(FORMATS["json"](result))
    assert [finding["level"] for finding in document["findings"]] == ["error", "warning", "info"]
    assert document["nodes"] == ["broker"]
    assert set(document["findings"][0]) == {"rule", "level", "file", "line", "column", "cause", "fix", "fixable"}


def test_github_shows_findings_at_their_lines(result):
    """Workflow commands, with commas and colons of a file's name escaped."""
    lines = FORMATS["github"](result).splitlines()
    assert [line.split()[0] for line in lines] == ["::error", "::warning", "::notice"]
    assert "a%2Cb%3Ac.yml,line=15,col=7,title=KAFKA-VOTER-UNKNOWN::" in lines[0]


def test_sarif_names_its_rules(result):
    """SARIF 2.1.0: each result points to its rule and its place."""
    run = json.loads(FORMATS["sarif"](result))["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [ids[one["ruleIndex"]] for one in run["results"]] == [one["ruleId"] for one in run["results"]]
    assert {one["level"] for one in run["results"]} == {"error", "warning", "note"}
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 15, "startColumn": 7}
