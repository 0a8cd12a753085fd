"""The rendered files. tests/golden has them for each lab and runtime."""

import os
import re
from pathlib import Path

import pytest

from labctl.kafka.broker_settings import environment_name
from labctl.rendering.templates import render_template
from labctl.runtime.access import render
from tests.fakes import a_plan, in_a_swarm

GOLDEN = Path(__file__).parent / "golden"
THREE = "name: three\nkafka: {brokers: 3, config: {log.retention.hours: 1}}\nlisteners: {external: {port: 19094}}\n"
LABS = {
    "homework": "",
    "three": THREE,
    "faults": "name: faults\nlisteners: {external: {faults: true}}\n",
    "dynamic": "name: dynamic\nkafka: {brokers: 1, controllers: 3, quorum: dynamic}\n",
    "kafbat": "name: kafbat\nui: {kind: kafbat, port: 18088}\n",
    **{preset: render_template(f"init/{preset}.yaml") for preset in ("cluster", "isolated", "secure", "stack")},
}
HOMEWORK_SETTINGS = (
    "KAFKA_NODE_ID KAFKA_PROCESS_ROLES KAFKA_LISTENERS KAFKA_ADVERTISED_LISTENERS "
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP KAFKA_INTER_BROKER_LISTENER_NAME KAFKA_CONTROLLER_QUORUM_VOTERS "
    "KAFKA_CONTROLLER_LISTENER_NAMES KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR "
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"
).split()


@pytest.mark.parametrize("runtime", ["compose", "local"])
@pytest.mark.parametrize("lab", LABS)
def test_rendered_files_are_the_golden_files(lab, runtime):
    """The same plan gives the same bytes as in tests/golden; `make golden` rewrites them."""
    for path, text in render(a_plan(LABS[lab], runtime)).items():
        _compare(GOLDEN / runtime / lab / path, text)


@pytest.mark.parametrize("lab", ["three", "faults", "dynamic", "cluster", "isolated", "secure"])
def test_stack_files_are_the_golden_files(lab):
    """Of the swarm runtime, where each node of the lab has its place."""
    plan = a_plan(LABS[lab], "swarm", identity=in_a_swarm(*a_plan(LABS[lab], "local").node_names))
    for path, text in render(plan).items():
        _compare(GOLDEN / "swarm" / lab / path, text)


def _compare(golden, text):
    if os.environ.get("LABCTL_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_homework_settings_each_have_a_comment():
    """In docker-compose.yml a comment above each of the homework's eleven settings explains it."""
    lines = render(a_plan("", "compose"))["docker-compose.yml"].splitlines()
    for name in HOMEWORK_SETTINGS:
        found = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
        assert lines[found - 1].strip().startswith("# "), name


def test_compose_text_is_yaml_with_every_port_on_loopback():
    """No port is published beyond 127.0.0.1; no service restarts or has capabilities."""
    from ruamel.yaml import YAML

    services = YAML(typ="safe").load(render(a_plan(THREE, "compose"))["docker-compose.yml"])["services"]
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports == ["127.0.0.1:19094:19094", "127.0.0.1:19095:19095", "127.0.0.1:19096:19096"]
    assert all(service["restart"] == "no" and service["cap_drop"] == ["ALL"] for service in services.values())


def test_a_dollar_in_a_setting_is_not_expanded_by_compose():
    """Compose expands $X as a variable, so labctl doubles the dollar."""
    text = render(a_plan("kafka: {config: {broker.rack: 'x$HOME'}}", "compose"))["docker-compose.yml"]
    assert 'KAFKA_BROKER_RACK: "x$$HOME"' in text


def test_special_characters_in_server_properties_are_escaped():
    r"""java.util.Properties reads \ as an escape and the file as Latin-1."""
    text = render(a_plan("kafka: {config: {broker.rack: 'c:\\d é'}}"))["broker/server.properties"]
    assert r"broker.rack=c:\\d \u00e9" in text


@pytest.mark.parametrize(
    ("setting", "variable"),
    [
        ("node.id", "KAFKA_NODE_ID"),
        ("a_b.c-d", "KAFKA_A__B_C___D"),
        (
            "listener.name.external.scram-sha-512.sasl.jaas.config",
            "KAFKA_LISTENER_NAME_EXTERNAL_SCRAM___SHA___512_SASL_JAAS_CONFIG",
        ),
    ],
)
def test_environment_names_are_those_of_the_image(setting, variable):
    """KafkaDockerWrapper reads `_` as `.`, `__` as `_`, `___` as `-`."""
    assert environment_name(setting) == variable


def test_the_documented_homework_settings_are_the_rendered_settings():
    """docs/homework.ru.md has each of the eleven with its value."""
    text = (Path(__file__).parent.parent / "docs" / "homework.ru.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(KAFKA_\w+)` \| `(.+?)` \|", text, re.MULTILINE)
    assert sorted(name for name, _value in documented) == sorted(HOMEWORK_SETTINGS)
    rendered = render(a_plan("", "compose"))["docker-compose.yml"]
    for name, value in documented:
        assert f'      {name}: "{value}"\n' in rendered
