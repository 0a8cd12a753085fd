"""Kafka accepts what labctl accepts: Kafka's own class, oldest and newest, reads the settings of generated labs."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.errors import SpecError
from labctl.kafka.broker_settings import node_settings
from labctl.version_lock import locked_versions
from tests.fakes import HUGE, IDENTITY, a_plan
from tests.integration.settings_of_kafka import KafkaConfig

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(240)]

WANTED = 300
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(lambda name: name not in {".", ".."})
COUNTS = st.integers(1, 5)
BROKER_CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "log.retention.hours": st.integers(1, 10_000),
        "num.network.threads": st.integers(1, 8),
        "compression.type": st.sampled_from(["producer", "gzip", "zstd", "uncompressed"]),
        "auto.create.topics.enable": st.booleans(),
        "message.max.bytes": st.integers(1000, 10_000_000),
        "min.insync.replicas": st.integers(1, 3),
    },
)
OPERATIONS = st.lists(st.sampled_from(["all", "read", "write", "create", "describe"]), min_size=1, unique=True)
ACLS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"topic": st.sampled_from(["*", "a*", "orders"]), "allow": OPERATIONS}),
        st.fixed_dictionaries({"group": st.sampled_from(["*", "g-*", "g"]), "allow": OPERATIONS}),
    ),
    max_size=3,
)
SECURITY = st.one_of(
    st.just({}),
    st.just({"protocol": "sasl_ssl"}),
    st.fixed_dictionaries(
        {
            "protocol": st.just("sasl_ssl"),
            "users": st.lists(
                st.fixed_dictionaries({"name": st.sampled_from(["ann", "bob", "c-1"])}, optional={"acls": ACLS}),
                min_size=1,
                max_size=3,
            ),
        }
    ),
)
LABS = st.fixed_dictionaries(
    {
        "kafka": st.fixed_dictionaries(
            {"brokers": COUNTS, "controllers": st.one_of(st.just("combined"), st.sampled_from([1, 2, 3, 5]))},
            optional={"config": BROKER_CONFIG, "heap": st.sampled_from(["256m", "1g"])},
        ),
        "security": SECURITY,
        "listeners": st.fixed_dictionaries(
            {
                "external": st.fixed_dictionaries(
                    {"port": st.one_of(st.just("auto"), st.integers(1024, 65535))},
                    optional={
                        "advertise": st.sampled_from(["localhost", "kafka.example.org", "192.0.2.7"]),
                        "bind": st.sampled_from(["127.0.0.1", "0.0.0.0"]),
                    },
                )
            }
        ),
        "topics": st.lists(
            st.fixed_dictionaries(
                {"name": st.one_of(st.just("orders"), NAMES), "partitions": st.integers(1, 50)},
                optional={"replication_factor": st.integers(1, 4)},
            ),
            max_size=3,
        ),
    }
)


@pytest.fixture
def kafkas():
    kafkas = [KafkaConfig(locked_versions()[0]), KafkaConfig(locked_versions()[-1])]
    yield kafkas
    for kafka in kafkas:
        kafka.close()


@pytest.fixture
def state(tmp_path):
    """A state folder with the secrets that the settings of secure labs refer to."""
    for node in ["broker", *(f"{role}-{number}" for role in ("broker", "controller") for number in range(1, 6))]:
        folder = tmp_path / "secrets" / "nodes" / node
        folder.mkdir(parents=True)
        (folder / "passwords.properties").write_text("broker=secret\n")
    return str(tmp_path)


def test_kafka_accepts_what_labctl_accepts(kafkas, state):
    """The oldest and the newest KafkaConfig accept the settings of every node of at least 300 labs."""
    accepted = []

    @settings(max_examples=1500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(LABS)
    def each(lab):
        if len(accepted) >= WANTED + 50:
            return
        try:
            plans = [_plan(lab, kafka.version, state) for kafka in kafkas]
        except SpecError:
            return
        for kafka, plan in zip(kafkas, plans, strict=True):
            for node in plan.nodes:
                rendered = node_settings(plan, node)
                assert kafka.refusal(rendered) == "", (kafka.version, node.name, rendered)
        accepted.append(lab)

    each()
    assert len(accepted) >= WANTED


def test_kafka_refuses_what_is_wrong(kafkas, state):
    """The same method finds a setting that Kafka refuses."""
    plan = _plan({"kafka": {"brokers": 1, "config": {"num.network.threads": 0}}}, locked_versions()[-1], state)
    assert "num.network.threads" in kafkas[1].refusal(node_settings(plan, plan.nodes[0]))


def _plan(lab, version, state):
    lab = lab | {"kafka": lab["kafka"] | {"version": version}}
    return a_plan(json.dumps(lab), facts=HUGE, identity=replace(IDENTITY, state=state))
