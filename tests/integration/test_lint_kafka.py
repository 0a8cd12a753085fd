"""What `labctl lint` says Kafka refuses, every locked version of Kafka refuses, and nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labctl.lint.complete import COMPLETE
from labctl.lint.compose.loader import load_stack
from labctl.lint.kafka_nodes import kafka_nodes
from labctl.lint.linter import lint
from labctl.lint.settings import ADVERTISED, LISTENERS
from labctl.version_lock import locked_versions
from tests.integration.settings_of_kafka import KafkaConfig

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(400)]

CASES = 300  # for each version, beside the single changes
# the rules whose reason is that KafkaConfig refuses the settings, or the image's script
REFUSED = {
    "KAFKA-CONTROLLER-ADVERTISED",
    "KAFKA-ADVERTISED-NOT-OPENED",
    "KAFKA-ADVERTISED-WILDCARD",
    "KAFKA-BROKER-LISTENER-MISSING",
    "KAFKA-CONTROLLER-LISTENER-MISSING",
    "KAFKA-CONTROLLER-LISTENER-ON-BROKER",
    "KAFKA-CONTROLLER-OPENS-OTHERS",
    "KAFKA-DEFAULTS-DROPPED",
    "KAFKA-INTER-BROKER-UNKNOWN",
    "KAFKA-LISTENER-INVALID",
    "KAFKA-LISTENER-TWICE",
    "KAFKA-MAP-INVALID",
    "KAFKA-MAP-MISSING",
    "KAFKA-NODE-ID-MISSING",
    "KAFKA-NODE-NOT-VOTER",
    "KAFKA-ROLES-INVALID",
    "KAFKA-ROLES-MISSING",
    "KAFKA-SASL-MECHANISM",
    "KAFKA-VOTERS-INVALID",
    "KAFKA-VOTERS-MISSING",
}
INTER_BROKER = "KAFKA_INTER_BROKER_LISTENER_NAME"
CHANGES: dict[str, list[str | None]] = {
    "KAFKA_NODE_ID": ["1", "2", None],
    "KAFKA_PROCESS_ROLES": ["broker,controller", "broker", "controller", "controller, broker", "brokers", None],
    "KAFKA_LISTENERS": [
        "INTERNAL://:9092,CONTROLLER://:9093",
        "INTERNAL://:9092,EXTERNAL://:19094",
        "CONTROLLER://:9093",
        "PLAINTEXT://:9092,CONTROLLER://:9093",
        "INTERNAL://:9092,CONTROLLER://:9092,EXTERNAL://:19094",
        "internal://:9092, controller://broker:9093, external://:19094",
        "INTERNAL://:9092,CONTROLLER://0.0.0.0:9093,EXTERNAL://0.0.0.0:19094",
        "INTERNAL://:9092,CONTROLLER://:9093,INTERNAL://:19094",
        "INTERNAL://broker,CONTROLLER://:9093",
        None,
    ],
    "KAFKA_ADVERTISED_LISTENERS": [
        "INTERNAL://broker:9092",
        "PLAINTEXT://broker:9092",
        "INTERNAL://broker:9092,OTHER://localhost:19094",
        "INTERNAL://broker:9092,EXTERNAL://0.0.0.0:19094",
        "INTERNAL://:9092,EXTERNAL://localhost:19094",
        "INTERNAL:/broker:9092",
        "INTERNAL://broker",
        None,
    ],
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": [
        "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
        "CONTROLLER:PLAINTEXT",
        "internal:plaintext, controller:plaintext, external:plaintext",
        "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAIN",
        "INTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT",
        "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,OTHER:SSL",
        None,
    ],
    "KAFKA_INTER_BROKER_LISTENER_NAME": ["EXTERNAL", "PLAINTEXT", "CONTROLLER", "OTHER", "internal", None],
    "KAFKA_CONTROLLER_LISTENER_NAMES": ["CONTROLLER", "INTERNAL", "OTHER", "controller", None],
    "KAFKA_CONTROLLER_QUORUM_VOTERS": [
        "1@broker:9093,2@broker2:9093",
        "2@broker:9093",
        "broker:9093",
        "1@broker",
        None,
    ],
    "KAFKA_SASL_ENABLED_MECHANISMS": ["PLAIN", "SCRAM-SHA-512"],
    "KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL": ["PLAIN", "GSSAPI"],
}
PLAINTEXT: dict[str, str | None] = {
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://broker:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": None,
    "KAFKA_INTER_BROKER_LISTENER_NAME": None,
}
BASES: list[dict[str, str | None]] = [
    {},
    PLAINTEXT,
    {
        "KAFKA_PROCESS_ROLES": "controller",
        "KAFKA_LISTENERS": "CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": None,
        "KAFKA_INTER_BROKER_LISTENER_NAME": None,
    },
    {
        "KAFKA_NODE_ID": "2",
        "KAFKA_PROCESS_ROLES": "broker",
        "KAFKA_LISTENERS": "INTERNAL://:9092,EXTERNAL://:19094",
    },
    {
        "KAFKA_NODE_ID": "2",
        "KAFKA_PROCESS_ROLES": "broker",
        "KAFKA_LISTENERS": None,
        "KAFKA_ADVERTISED_LISTENERS": None,
    },
    {"KAFKA_CONTROLLER_QUORUM_VOTERS": None, "KAFKA_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS": "broker:9093"},
    {
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT",
        "KAFKA_SASL_ENABLED_MECHANISMS": "PLAIN",
        "KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN",
    },
]
SINGLE = [base | {name: value} for base in BASES for name, values in CHANGES.items() for value in values]
CHOSEN = st.lists(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(CHANGES[name]) for name in names})
)
SEVERAL = st.builds(lambda base, changes: base | changes, st.sampled_from(BASES), CHOSEN)


@pytest.mark.parametrize("version", locked_versions())
def test_lint_and_kafka_agree(version, tmp_path):
    """Changes of a complete file, alone and up to four at once: refused by both, or by neither."""
    kafka = KafkaConfig(version)
    seen = {"refused": 0, "accepted": 0}

    def agree(changes):
        path = _write(tmp_path, version, changes)
        found = sorted({one.rule for one in lint([path], {}).findings} & REFUSED)
        refusal = _refused_by_image(path) or kafka.refusal(_properties(path))
        assert bool(found) == bool(refusal), (changes, found, refusal)
        seen["refused" if refusal else "accepted"] += 1

    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(SEVERAL)
    def several(changes):
        agree(changes)

    try:
        for change in SINGLE:
            agree(change)
        several()
    finally:
        kafka.close()
    assert min(seen.values()) > CASES // 10  # both kinds were tried; how often is chance


def _write(folder, version, changes):
    """The complete file with changed variables."""
    document = YAML(typ="safe").load(COMPLETE)
    broker = document["services"]["broker"]
    broker["image"] = f"apache/kafka:{version}"
    for name, value in changes.items():
        broker["environment"].pop(name, None)
        if value is not None:
            broker["environment"][name] = value
    path = folder / "compose.yml"
    with path.open("w") as opened:
        YAML().dump(document, opened)
    return path


def _refused_by_image(path):
    """`configure` of the image ends before Kafka starts."""
    (node,) = kafka_nodes(load_stack([path], {}))
    return node.roles == {"controller"} and ADVERTISED in node.settings


def _properties(path):
    """What the image writes to server.properties: the settings, and the listeners that its script derives."""
    (node,) = kafka_nodes(load_stack([path], {}))
    properties = {name: setting.value for name, setting in node.settings.items()}
    if LISTENERS not in properties and ADVERTISED in properties and properties.get("process.roles") != "controller":
        entries = properties[ADVERTISED].split(",")
        properties[LISTENERS] = ",".join(_on_all_addresses(entry) for entry in entries)
    return properties


def _on_all_addresses(entry):
    """`configure` of the image: its sed replaces what is between :// and the next colon."""
    name, separator, rest = entry.partition("://")
    _host, colon, port = rest.partition(":")
    return f"{name}{separator}0.0.0.0{colon}{port}" if separator and colon else entry
