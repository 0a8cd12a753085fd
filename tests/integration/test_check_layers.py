"""`labctl check --bootstrap` names the layer that does not work. A run of all writes docs/check-layers.md."""

import contextlib
import json
import re
import socket
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from labctl.diagnostics.failed_checks import ABILITIES
from labctl.diagnostics.layers import LAYERS
from tests.certificates import certificate
from tests.fake_kafka import FakeKafka, listening
from tests.integration.docker_command import docker, engine_of
from tests.integration.labs import make_labctl
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(390)]

IMAGE = "labctl-test/stock-like:4.4.0"
PROJECT = "labctl-test-layers"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "check-layers.md"
ABILITY_LAYERS = {
    "create topics": "topics",
    "produce": "produce",
    "consume": "consume",
    "use a consumer group": "group",
    "use a transaction": "transaction",
    "use a share group": "share group",
}
ORDER = (*LAYERS, "internal topics", *ABILITY_LAYERS.values(), "none")
INTRODUCTION = """\
# Which layer `labctl check` names

Written by a run of the tests (tests/integration/test_check_layers.py). Each fault is made on a running Kafka, and
`labctl check --bootstrap`, from outside alone, says what does not work. What the settings of a container explain is in
[check.md](check.md).

| fault | layer | exit code | cause that is named | seconds |
| --- | --- | --- | --- | --- |
"""
SASL = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="pupil" password="{}";'


@dataclass(frozen=True)
class Fault:
    """A fault: the layer that must be named, the port of the running Kafkas or an address, and what a client has."""

    layer: str
    at: str = "plain"
    client: tuple[tuple[str, str], ...] = ()
    deny: str = ""  # to the client's user, by Kafka's authorizer
    checks: tuple[str, ...] = ("json-records",)
    service: str = ""  # whose console tools the checks use


def login(protocol="SASL_PLAINTEXT", mechanism="PLAIN", password="chalk"):
    """A client's settings with a login."""
    settings = {"security.protocol": protocol, "sasl.mechanism": mechanism, "sasl.jaas.config": SASL.format(password)}
    return tuple(settings.items())


def tls(authority):
    """A client's settings with TLS, and the CA that it trusts."""
    settings = {"security.protocol": "SSL", "ssl.truststore.type": "PEM"}
    return (*settings.items(), ("ssl.truststore.location", authority))


CASES = {
    "none: PLAINTEXT": Fault("none", checks=("json-records", "consumer-group", "transaction")),
    "none: a login": Fault("none", "secured", login(), checks=("json-records", "consumer-group", "transaction")),
    "none: TLS": Fault("none", "tls", tls("good")),
    "a name that nobody knows": Fault("name", "kafka.invalid:9092"),
    "a port where nothing listens": Fault("tcp", "closed"),
    "a broker that is frozen": Fault("kafka", "frozen"),
    "a program that is not Kafka": Fault("kafka", "stranger"),
    "TLS that the client does not use": Fault("tls", "tls"),
    "TLS that the listener does not use": Fault("tls", "plain", tls("good")),
    "a certificate of an unknown CA": Fault("tls", "tls", tls("other")),
    "a certificate for another name": Fault("tls", "renamed", tls("renamed")),
    "a certificate that has expired": Fault("tls", "expired", tls("expired")),
    "a client certificate that is missing": Fault("tls", "mutual", tls("good")),
    "a login that is missing": Fault("login", "secured"),
    "a wrong password": Fault("login", "secured", login(password="slate")),
    "a mechanism that is not enabled": Fault("login", "secured", login(mechanism="SCRAM-SHA-256")),
    "a login that nobody asked for": Fault("login", "plain", login()),
    "a Kafka without brokers (imitated)": Fault("metadata", "empty"),
    "an advertised port where nothing listens": Fault("advertised", "moved"),
    "an advertised address of another Kafka": Fault("identity", "elsewhere"),
    "three replicas of the offsets on one broker": Fault("internal topics", "offsets", checks=("consumer-group",)),
    "three replicas of the transactions": Fault("internal topics", "limited", checks=("transaction",)),
    "no right to create topics": Fault("topics", "secured", login(), "Create --topic * --cluster"),
    "no right to write": Fault("produce", "secured", login(), "Write --topic *"),
    "no right to read": Fault("consume", "secured", login(), "Read --topic *"),
    "no right to use groups": Fault("group", "secured", login(), "Read --group *", ("json-records", "consumer-group")),
    "no right to use transactions": Fault(
        "transaction", "secured", login(), "Write --transactional-id *", ("json-records", "transaction")
    ),
    "share groups that are switched off": Fault(
        "share group", "limited", checks=("json-records", "share-group"), service="limited"
    ),
}
BASE = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INNER",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CTRL",
    "KAFKA_HEAP_OPTS": "-Xmx320m",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_LOG_DIRS": "/tmp/kafka-data",
}
CLUSTERS = {
    "plain": "GcdiDV_qwDlSRGQFj7vPDA",
    "secured": "xRIsFbpeTqm8JlyR9J55mA",
    "tls": "eV8yArF8trw9S3cdjGyerw",
    "offsets": "BA35_ni5MWkQqMNniVH0Hg",
    "limited": "D_CObeZ69H3S5uxcKHB04g",
}


def service(name, ports, outer, more, mounts=()):
    """A Compose service with one node. `outer` are its listeners for the host: {listener: (protocol, advertised)}."""
    listeners = ["INNER://:9092", "CTRL://:9093", *(f"{one}://:{19094 + i}" for i, one in enumerate(outer))]
    advertised = [f"INNER://{name}:9092", *(f"{one}://localhost:{port}" for one, (_, port) in outer.items())]
    protocols = ["INNER:PLAINTEXT", "CTRL:PLAINTEXT", *(f"{one}:{protocol}" for one, (protocol, _) in outer.items())]
    return {
        "image": IMAGE,
        "ports": [f"127.0.0.1:{port}:{19094 + i}" for i, port in enumerate(ports)],
        "volumes": list(mounts),
        "environment": BASE
        | {
            "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{name}:9093",
            "KAFKA_LISTENERS": ",".join(listeners),
            "KAFKA_ADVERTISED_LISTENERS": ",".join(advertised),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": ",".join(protocols),
            "CLUSTER_ID": CLUSTERS[name],
        }
        | more,
    }


def stack(port, certificates):
    """The Compose file: {place: its port} is `port`."""
    keys = {}
    for place in ("tls", "renamed", "expired", "mutual"):
        prefix = f"KAFKA_LISTENER_NAME_{place.upper()}_SSL"
        keys[f"{prefix}_KEYSTORE_TYPE"] = "PEM"
        keys[f"{prefix}_KEYSTORE_LOCATION"] = f"/certificates/{'good' if place in {'tls', 'mutual'} else place}.pem"
    keys["KAFKA_LISTENER_NAME_MUTUAL_SSL_CLIENT_AUTH"] = "required"
    keys["KAFKA_LISTENER_NAME_MUTUAL_SSL_TRUSTSTORE_TYPE"] = "PEM"
    keys["KAFKA_LISTENER_NAME_MUTUAL_SSL_TRUSTSTORE_LOCATION"] = "/certificates/good.pem"
    rights = {
        "KAFKA_SASL_ENABLED_MECHANISMS": "PLAIN",
        "KAFKA_LISTENER_NAME_SECURED_PLAIN_SASL_JAAS_CONFIG": (
            'org.apache.kafka.common.security.plain.PlainLoginModule required user_pupil="chalk";'
        ),
        "KAFKA_AUTHORIZER_CLASS_NAME": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "KAFKA_SUPER_USERS": "User:ANONYMOUS",
    }
    outer = {
        "plain": {
            "PLAIN": ("PLAINTEXT", port["plain"]),
            "MOVED": ("PLAINTEXT", port["closed"]),
            "ELSEWHERE": ("PLAINTEXT", port["offsets"]),
        },
        "secured": {"SECURED": ("SASL_PLAINTEXT", port["secured"])},
        "tls": {place.upper(): ("SSL", port[place]) for place in ("tls", "renamed", "expired", "mutual")},
        "offsets": {"OFFSETS": ("PLAINTEXT", port["offsets"])},
        "limited": {"LIMITED": ("PLAINTEXT", port["limited"])},
    }
    more = {
        "secured": rights,
        "tls": keys,
        "offsets": {"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3"},
        "limited": {"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3"},
    }
    mounts = {"tls": [f"{certificates}:/certificates:ro"]}
    services = {
        name: service(
            name, [port[one.lower()] for one in listeners], listeners, more.get(name, {}), mounts.get(name, ())
        )
        for name, listeners in outer.items()
    }
    return {"name": PROJECT, "services": services}


@pytest.fixture(scope="module")
def kafkas(stock_like, tmp_path_factory):
    """Start five Kafkas, and yield {place: HOST:PORT}, with the folder of the certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o755)
    made = [certificate(folder, name) for name in ("good", "other")]
    made += [certificate(folder, "renamed", host="broker"), certificate(folder, "expired", days=-1)]
    for path in made:
        Path(path).chmod(0o644)
    places = ("plain", "moved", "elsewhere", "secured", "tls", "renamed", "expired", "mutual", "offsets", "limited")
    with contextlib.ExitStack() as reserved:
        servers = [reserved.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in (*places, "closed")]
        port = dict(zip((*places, "closed"), (one.getsockname()[1] for one in servers), strict=True))
    file = tmp_path_factory.mktemp("layers") / "compose.yml"
    with file.open("w") as stream:
        YAML().dump(stack(port, folder), stream)
    compose = ("compose", "-f", str(file))
    try:
        docker(*compose, "up", "-d", "--pull", "never")
        for name in CLUSTERS:
            wait_for(lambda name=name: "Kafka Server started" in docker(*compose, "logs", name), seconds=180)
        grant("secured", "--add --allow-principal User:pupil --operation All --topic * --group * --transactional-id *")
        grant("secured", "--add --allow-principal User:pupil --operation All --cluster")
        features = (
            "/opt/kafka/bin/kafka-features.sh --bootstrap-server limited:9092 downgrade --feature share.version=0"
        )
        docker("exec", container("limited"), *features.split())
        yield {place: f"localhost:{number}" for place, number in port.items()} | {"folder": folder}
    finally:
        subprocess.run(["docker", *compose, "down", "-v", "-t", "1"], capture_output=True, check=False, timeout=100)


def container(name):
    """The container of a service."""
    return f"{PROJECT}-{name}-1"


def grant(name, options):
    """Change the rules of the authorizer."""
    tool = ["/opt/kafka/bin/kafka-acls.sh", "--bootstrap-server", f"{name}:9092"]
    docker("exec", container(name), *tool, *options.split())


@contextlib.contextmanager
def place(kafkas, fault):
    """Make the fault, and yield the address that a client uses."""
    if fault.at == "frozen":
        docker("pause", container("plain"))
        try:
            yield kafkas["plain"]
        finally:
            docker("unpause", container("plain"))
    elif fault.at == "stranger":
        with listening(FakeKafka(garbage=b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
            yield address
    elif fault.at == "empty":
        with listening(FakeKafka(brokers={})) as address:
            yield address
    elif fault.deny:
        principal = "--deny-principal User:pupil --operation"
        grant("secured", f"--add {principal} {fault.deny}")
        try:
            yield kafkas[fault.at]
        finally:
            grant("secured", f"--remove --force {principal} {fault.deny}")
    else:
        yield kafkas.get(fault.at, fault.at)


def named(report):
    """The layer that the report names."""
    for check in report["checks"]:
        if check["status"] in {"failed", "error"}:
            if " from " in check["name"]:
                return check["detail"].partition(":")[0]
            if check["name"] == "internal-topics":
                return "internal topics"
    cause = report["diagnosis"][0]["cause"] if report["diagnosis"] else ""
    ability = re.match(r"clients can't ([a-z ]+):", cause)
    return ABILITY_LAYERS[ability[1]] if ability else "none"


@pytest.fixture(scope="module")
def table():
    """What was named: {fault: (layer, exit code, cause, seconds)}. A complete table is written into the docs."""
    rows = {}
    yield rows
    if set(rows) == set(CASES):
        DOCUMENT.write_text(INTRODUCTION + lines(rows) + confusion(rows))


def lines(rows):
    """A line for each fault, in the order of the layers."""
    return "".join(
        f"| {name} | {' | '.join(str(value).replace('|', chr(92) + '|') for value in rows[name])} |\n" for name in CASES
    )


def confusion(rows):
    """A table of counts: a row for each layer with a fault, a column for each layer that is named."""
    counts = Counter((CASES[name].layer, row[0]) for name, row in rows.items())
    head = f"\n| made / named | {' | '.join(ORDER)} |\n| --- |{' --- |' * len(ORDER)}\n"
    body = [f"| {made} | {' | '.join(str(counts[made, one] or '') for one in ORDER)} |\n" for made in ORDER]
    right = sum(number for (made, one), number in counts.items() if made == one)
    return f"\n{right} of {len(rows)} are named right.\n{head}{''.join(body)}"


def test_the_abilities_are_the_layers_of_the_table():
    """Each thing that a client does has its column."""
    assert [ability.name for ability in ABILITIES] == list(ABILITY_LAYERS)


@pytest.mark.parametrize("name", CASES)
def test_the_broken_layer_is_named(kafkas, table, tmp_path, name):
    """The layer, and an exit code; a client with the right settings finds nothing."""
    fault = CASES[name]
    labctl = make_labctl(tmp_path / "labctl")
    labctl.env = engine_of(labctl)
    options = ["--json"]
    if fault.client:
        file = tmp_path / "client.properties"
        text = "".join(
            f"{key}={kafkas['folder']}/{value}.pem\n" if key == "ssl.truststore.location" else f"{key}={value}\n"
            for key, value in fault.client
        )
        file.write_text(text)
        file.chmod(0o600)
        options += ["--client-config", file]
    if fault.service:
        options += ["--container", container(fault.service)]
    with place(kafkas, fault) as address:
        began = time.monotonic()
        done = labctl.run("check", *fault.checks, "--bootstrap", address, *options)
        seconds = round(time.monotonic() - began, 1)
    report = json.loads(done.stdout)
    cause = report["diagnosis"][0]["cause"] if report["diagnosis"] else ""
    cause = re.sub(r"localhost:\d+|(?<=port )\d+", "…", re.sub(r"labctl-check-[0-9a-f]+", "labctl-check", cause))
    assert named(report) == fault.layer, (cause, done.stderr)
    assert (done.returncode == 0) == (fault.layer == "none")
    table[name] = (named(report), done.returncode, cause, seconds)
