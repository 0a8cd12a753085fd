import json
import os
import re
from pathlib import Path

import pytest

from labctl.kafka.broker_settings import COMMENTS, environment_name, node_settings
from labctl.plan.model import HostFacts
from labctl.rendering.templates import render_template
from labctl.runtime.access import render
from tests.fakes import a_plan

GOLDEN = Path(__file__).parent / "golden"
THREE = "name: three\nkafka: {brokers: 3, config: {log.retention.hours: 1}}\nlisteners: {external: {port: 19094}}\n"
LABS = {
    "homework": "",
    "three": THREE,
    "kafbat": "name: kafbat\nui: {kind: kafbat, port: 18088}\n",
    **{preset: render_template(f"init/{preset}.yaml") for preset in ("cluster", "isolated", "secure")},
}
HOMEWORK_SETTINGS = (
    "KAFKA_NODE_ID KAFKA_PROCESS_ROLES KAFKA_LISTENERS KAFKA_ADVERTISED_LISTENERS "
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP KAFKA_INTER_BROKER_LISTENER_NAME KAFKA_CONTROLLER_QUORUM_VOTERS "
    "KAFKA_CONTROLLER_LISTENER_NAMES KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR "
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"
).split()


@pytest.mark.parametrize("runtime", ["compose", "local"])
@pytest.mark.parametrize("lab", LABS)
def test_rendered_files_are_the_golden_ones(lab, runtime):
    """Same plan, same bytes: tests/golden holds them (`make golden` rewrites, the diff is read)."""
    for path, text in render(a_plan(LABS[lab], runtime)).items():
        golden = GOLDEN / runtime / lab / path
        if os.environ.get("LABCTL_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text)
        assert text == golden.read_text()


def test_the_homework_settings_each_have_a_comment():
    """The eleven settings of the homework stand in docker-compose.yml, each below a comment that says what it is."""
    lines = render(a_plan("", "compose"))["docker-compose.yml"].splitlines()
    for name in HOMEWORK_SETTINGS:
        at = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
        assert lines[at - 1].strip().startswith("# "), name
    assert len(COMMENTS) == len(HOMEWORK_SETTINGS)


def test_compose_text_is_yaml_with_every_port_on_loopback():
    """The rendered file is YAML, and publishes nothing beyond 127.0.0.1."""
    from ruamel.yaml import YAML

    services = YAML(typ="safe").load(render(a_plan(THREE, "compose"))["docker-compose.yml"])["services"]
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports == ["127.0.0.1:19094:19094", "127.0.0.1:19095:19095", "127.0.0.1:19096:19096"]
    assert all(service["restart"] == "no" and service["cap_drop"] == ["ALL"] for service in services.values())


def test_a_dollar_in_a_setting_is_not_expanded_by_compose():
    """Compose reads $X as a variable: labctl doubles it."""
    text = render(a_plan("kafka: {config: {a.b: 'x$HOME'}}", "compose"))["docker-compose.yml"]
    assert 'KAFKA_A_B: "x$$HOME"' in text


def test_a_backslash_and_another_alphabet_survive_server_properties():
    r"""java.util.Properties reads \ as an escape and the file as Latin-1."""
    text = render(a_plan("kafka: {config: {a.b: 'c:\\d é'}}"))["broker/server.properties"]
    assert r"a.b=c:\\d \u00e9" in text


def test_copies_follow_the_number_of_brokers():
    """Kafka's own topics have min(3, brokers) copies, one less of them in sync."""
    plan = a_plan(THREE)
    settings = node_settings(plan, plan.nodes[0])
    assert settings["offsets.topic.replication.factor"] == "3"
    assert settings["share.coordinator.state.topic.min.isr"] == "2"
    assert plan.topics[0].replication_factor == 3


def test_controllers_of_their_own_open_no_door_for_clients():
    """A broker knows how to knock at the controllers, and neither has settings that Kafka refuses it."""
    plan = a_plan("kafka: {brokers: 2, controllers: 3}\ntopics: []\n")
    assert [(node.name, node.id) for node in plan.nodes] == [
        *(("broker-1", 1), ("broker-2", 2)),
        *(("controller-1", 101), ("controller-2", 102), ("controller-3", 103)),
    ]
    broker, controller = (node_settings(plan, node) for node in (plan.nodes[0], plan.nodes[-1]))
    assert broker["listeners"] == "INTERNAL://broker-1:9092,EXTERNAL://127.0.0.1:9094"
    assert broker["listener.security.protocol.map"] == "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
    assert broker["controller.quorum.voters"] == "101@controller-1:9093,102@controller-2:9093,103@controller-3:9093"
    assert controller["listeners"] == "CONTROLLER://controller-3:9093"
    assert "advertised.listeners" not in controller
    assert "inter.broker.listener.name" not in controller
    assert (broker["offsets.topic.replication.factor"], plan.internal_replication_factor) == ("2", 2)


def test_an_acknowledged_record_of_a_cluster_is_on_two_brokers():
    """min.insync.replicas follows the copies, unless lab.yaml sets it."""
    assert dict(a_plan(THREE).topics[0].config) == {"min.insync.replicas": "2"}
    assert a_plan("kafka: {brokers: 3, config: {min.insync.replicas: 1}}").topics[0].config == ()
    own = "kafka: {brokers: 3}\ntopics: [{name: a, config: {min.insync.replicas: 1}}, {name: b, replication_factor: 1}]"
    assert [dict(topic.config) for topic in a_plan(own).topics] == [{"min.insync.replicas": "1"}, {}]


def test_extra_settings_of_lab_yaml_win():
    """kafka.config may change what labctl would have set."""
    plan = a_plan("kafka: {config: {num.partitions: 7, auto.create.topics.enable: false}}")
    settings = node_settings(plan, plan.nodes[0])
    assert (settings["num.partitions"], settings["auto.create.topics.enable"]) == ("7", "false")


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


def test_each_broker_has_ports_and_addresses_of_its_own():
    """External ports count up from the first; inside, each node has an address of the lab's own network."""
    plan = a_plan(THREE)
    assert plan.bootstrap == "localhost:19094,localhost:19095,localhost:19096"
    assert plan.internal_bootstrap == "broker-1:9092,broker-2:9092,broker-3:9092"
    assert [node.address for node in plan.nodes] == ["127.77.1.1", "127.77.1.2", "127.77.1.3"]


def test_auto_ports_come_from_the_lab_s_identity():
    """`port: auto` takes what was found free when the lab was made."""
    assert a_plan("listeners: {external: {port: auto}}").bootstrap == "localhost:20000"


def test_macos_gives_each_node_ports_of_its_own():
    """127.0.0.1 is the only loopback address there: the internal ports count up by two."""
    mac = HostFacts(system="Darwin", cpus=2, memory_total=16 << 30, memory_available=8 << 30)
    plan = a_plan("kafka: {brokers: 3}", facts=mac)
    assert [node.address for node in plan.nodes] == ["127.0.0.1"] * 3
    ports = [[listener.port for listener in node.listeners] for node in plan.nodes]
    assert ports == [[9092, 9093, 9094], [9094, 9095, 9095], [9096, 9097, 9096]]


def test_a_tag_or_digest_of_the_image_is_kept():
    """The version is the tag only where the image has none."""
    assert a_plan("").image == "apache/kafka:4.3.1"
    assert a_plan("kafka: {image: 'localhost:5000/kafka'}").image == "localhost:5000/kafka:4.3.1"
    assert a_plan("kafka: {image: 'mine:v1'}").image == "mine:v1"


def test_a_plan_is_a_json_document():
    """`labctl plan --json` prints it as it is."""
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(a_plan(""))))["nodes"][0]["name"] == "broker"


def test_the_homework_s_settings_are_told_as_they_are():
    """docs/homework.ru.md: each of the eleven with its value in the homework lab."""
    text = (Path(__file__).parent.parent / "docs" / "homework.ru.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(KAFKA_\w+)` \| `(.+?)` \|", text, re.MULTILINE)
    assert sorted(name for name, _value in told) == sorted(HOMEWORK_SETTINGS)
    rendered = render(a_plan("", "compose"))["docker-compose.yml"]
    for name, value in told:
        assert f'      {name}: "{value}"\n' in rendered
