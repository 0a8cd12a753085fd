"""What is reported of somebody else's containers: addresses, why they ended, which fault explains what."""

import pytest

from labctl.diagnostics.container_settings import client_address, container_findings, host_address
from labctl.diagnostics.ended_container import REMEDIES, why_stopped
from labctl.diagnostics.explanation import explain_layer, explain_settings
from labctl.diagnostics.layers import LayerResult
from labctl.diagnostics.redaction import HIDDEN, Redactor
from labctl.diagnostics.surroundings import Surroundings
from tests.containers import container
from tests.recorded_faults import RECORDED

LISTENERS, ADVERTISED = "KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS"
MAP = "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"
BAD_HEALTH = ("CMD-SHELL", "kafka-topics.sh --bootstrap-server localhost:9092 --list")


def around(inspected, *others):
    """A container with those around it, as rules see them."""
    return Surroundings(inspected, others, *container_findings(inspected, others))


def broken(layer, detail="it does not work"):
    """A layer that does not work."""
    return LayerResult("this machine", layer, "failed", detail, "do something")


# -- addresses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "inside", "beside"),
    [
        ({}, "localhost:9092", "kafka:9092"),
        ({LISTENERS: "INNER://kafka:9092,CTRL://:9093,OUTER://:19094"}, "kafka:9092", "kafka:9092"),
        ({LISTENERS: "INNER://[::1]:9092,CTRL://:9093", ADVERTISED: "INNER://kafka:9092"}, "[::1]:9092", "kafka:9092"),
        (
            {
                LISTENERS: "INNER://:9092,CTRL://:9093,LOCAL://127.0.0.1:9094",
                ADVERTISED: "INNER://kafka:9092,LOCAL://localhost:9094",
                MAP: "INNER:SASL_PLAINTEXT,CTRL:PLAINTEXT,LOCAL:PLAINTEXT",
            },
            "127.0.0.1:9094",
            "",
        ),
        (
            {LISTENERS: "OUTER://:19094,CTRL://:9093", ADVERTISED: "OUTER://localhost:19094"},
            "localhost:19094",
            "kafka:19094",
        ),
    ],
)
def test_the_listener_for_clients_in_containers(environment, inside, beside):
    """Bound to a name, to loopback, for health checks alone; without another one that of the host."""
    found = client_address(container(environment), [])
    assert (found.inside, found.beside) == (inside, beside)


def test_the_name_on_the_network_that_is_used():
    """A network that was connected later may not know the service's name."""
    found = client_address(container(networks={"other": ("course-kafka-1",), "course_default": ("kafka",)}), [])
    assert (found.network, found.beside) == ("other", "course-kafka-1:9092")


@pytest.mark.parametrize(
    ("changes", "machine", "expected"),
    [
        ({}, "", "localhost:19094"),
        ({"ports": ((19094, 29094, "127.0.0.1"),)}, "", "localhost:29094"),
        ({"ports": ((19094, 29094, "10.0.0.5"),)}, "", "10.0.0.5:29094"),
        ({"ports": ((19094, 29094, ""),)}, "engine.example", "engine.example:29094"),
        ({"ports": ()}, "", None),
        ({"ports": (), "network_mode": "host"}, "", "localhost:19094"),
    ],
)
def test_the_address_for_this_machine(changes, machine, expected):
    """What is published, at its address; of a container on the host's network its own port."""
    assert host_address(container(**changes), [], machine) == expected


def test_containers_of_services_with_one_name():
    """Another project may call its service kafka too: each keeps its own settings."""
    faulty = container({MAP: "INNER:PLAINTEXT,OUTER:PLAINTEXT"})
    other = container(name="else-kafka-1", project="else", networks={"course_default": ("else-kafka-1",)})
    own, _others = container_findings(faulty, [other])
    assert [finding.rule for finding in own] == ["KAFKA-MAP-MISSING"]


# -- explanations ------------------------------------------------------------


def test_a_fault_explains_only_what_it_breaks():
    """A health check that can't work says nothing of a login that is missing."""
    found = explain_layer(
        broken("login", "the listener requires a login"), around(container(health_command=BAD_HEALTH))
    )
    assert found.cause == "the listener requires a login (from this machine)"
    assert found.remedy == "do something"
    assert "has no kafka-topics.sh on PATH" in found.evidence[0]


def test_a_fault_of_the_address_explains_the_layer():
    """The settings name the variable to change."""
    found = explain_layer(broken("advertised"), around(container(ports=((19094, 29094, "127.0.0.1"),))))
    assert "are sent to localhost:19094, which is not published" in found.cause
    assert found.evidence[0] == "this machine: advertised: it does not work"


def test_the_worst_fault_where_all_layers_work():
    """A rule may find what no layer shows."""
    found = explain_settings(around(container({"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3"})))
    assert "consumer groups can't work" in found.cause
    assert explain_settings(around(container())) is None


def test_a_container_that_docker_restarts_again_and_again():
    """Its log says why, whatever state it is in at the moment."""
    log = "org.apache.kafka.common.config.ConfigException: Invalid value x"
    found = explain_layer(broken("kafka"), around(container(restarts=7)), log)
    assert found.cause == "the container course-kafka-1 ends again and again: Kafka rejected a setting: Invalid value x"


# -- why it ended ------------------------------------------------------------


@pytest.mark.parametrize("fault", [*RECORDED, *REMEDIES])
def test_a_remedy_for_somebody_else_is_none_for_a_lab(fault):
    """lab.yaml and `labctl down` are for labctl's own labs; somebody else's data is not removed."""
    log = RECORDED.get(fault, "org.apache.kafka.common.config.ConfigException: Invalid value x")
    remedy = why_stopped(around(container(state="exited", exit_code=1)), log).remedy
    assert remedy
    for own in ("lab.yaml", "labctl down", "labctl up", "labctl cache"):
        assert own not in remedy
        assert own not in REMEDIES.get(fault, "")


@pytest.mark.parametrize(
    ("changes", "log", "cause", "remedy"),
    [
        ({"exit_code": 143}, "INFO App info kafka.server for 1 unregistered", "it was stopped", "docker start"),
        ({"exit_code": 137}, "", "it was killed, by docker kill", "docker start"),
        (
            {"exit_code": 137, "out_of_memory": True, "memory": 512 << 20},
            "AccessDeniedException: /data/x",
            "the memory limit of 512 MB was exceeded",
            "raise it",
        ),
        (
            {"state": "created", "exit_code": 128, "error": "port is already allocated"},
            "",
            "docker can't start it: port",
            "",
        ),
        ({"state": "created"}, "", "it was never started", "docker start"),
        ({"exit_code": 1}, "AccessDeniedException: /data/x", "/data/x is not writable", "chown 1000"),
        ({"exit_code": 1}, "something else", "something else", "docker logs course-kafka-1"),
    ],
)
def test_why_a_container_does_not_run(changes, log, cause, remedy):
    """What docker knows comes before what the log says."""
    found = why_stopped(around(container(**({"state": "exited"} | changes))), log)
    assert found.cause.startswith(cause)
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("mounts", "remedy"),
    [
        (
            (("volume", "certs", "/etc/kafka/secrets"), ("volume", "data", "/var/lib/kafka/data")),
            "set CLUSTER_ID to BBB again, or remove the volume data (its data goes with it)",
        ),
        (
            (("bind", "/srv/kafka", "/var/lib/kafka"),),
            "set CLUSTER_ID to BBB again, or empty /srv/kafka (its data goes",
        ),
        ((), "set CLUSTER_ID to BBB again"),
    ],
)
def test_the_storage_that_is_named_is_the_one_with_the_data(mounts, remedy):
    """A remedy that removes data names the right volume, or none."""
    log = "Invalid cluster.id in: /var/lib/kafka/data/meta.properties. Expected AAA, but read BBB"
    found = why_stopped(around(container(state="exited", exit_code=1, mounts=mounts)), log)
    assert found.remedy.startswith(remedy)
    assert found.remedy.count("remove") + found.remedy.count("empty") == bool(mounts)


def test_secrets_of_containers_are_known():
    """Passwords of all containers are hidden, with quotes and without; user names are not."""
    other = container({"APP_PASSWORD": '"hunter2-secret"'}, name="app")
    jaas = 'org…PlainLoginModule required username="controller" password="pass-of-admin" user_admin="pass-of-admin2";'
    redactor = Redactor(around(container({"KAFKA_SASL_JAAS_CONFIG": jaas}), other).secrets)
    assert redactor.text('"hunter2-secret" hunter2-secret') == f"{HIDDEN} {HIDDEN}"
    assert redactor.text("controller pass-of-admin2 and pass-of-admin") == f"controller {HIDDEN} and {HIDDEN}"
