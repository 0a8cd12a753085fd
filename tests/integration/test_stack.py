"""A lab with a schema registry and Kafka Connect: as processes of this machine, and in Docker."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from labctl.kafka.client import KafkaClient
from labctl.kafka.librdkafka.schemas import AVRO, SchemaClient
from tests.integration import snapshot
from tests.integration.other_clients import KAFKAJS
from tests.integration.polling import wait_for

pytestmark = pytest.mark.local

STACK = """\
name: stack
listeners: {external: {port: auto}}
services: {schema_registry: {port: auto, image: "labctl/apicurio-registry:3.3.3"}, connect: {port: auto}}
ui: {kind: none}
checks: quick
"""
LOCAL = f"{STACK}runtime: local\n"
NAMES = ("schema-registry", "connect")
SCHEMA = {"type": "record", "name": "Order", "fields": [{"name": "orderid", "type": "long"}]}
STRINGS = "org.apache.kafka.connect.storage.StringConverter"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>labctl</groupId><artifactId>client</artifactId><version>1</version><dependencies>
<dependency><groupId>io.apicurio</groupId><artifactId>apicurio-registry-avro-serde-kafka</artifactId><version>3.1.7</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>4.3.1</version></dependency>
</dependencies></project>"""
PREPARE_SECONDS = 390  # the first `up` downloads 200 MB, and records AOT caches


def variables(labctl):
    """What `labctl env` prints, as a dictionary."""
    lines = labctl.run("env", "--format", "dotenv", check=True).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def passed(run):
    """The names of the checks that passed."""
    return {check["name"] for check in run["checks"] if check["status"] == "passed"}


def pids(labctl):
    """The pid of each service."""
    files = {name: labctl.state / "labs" / "stack" / name / "pid.json" for name in NAMES}
    return {name: json.loads(path.read_text())["pid"] for name, path in files.items()}


def states(labctl):
    """The state of each service."""
    return {service["name"]: service["state"] for service in labctl.json("status")["services"]}


@pytest.mark.gate
def test_a_stack_is_verified_and_its_data_is_kept(labctl):
    """Both services are checked; schemas and connectors are there again after stop and up, and gone after down."""
    labctl.spec(LOCAL)
    run = labctl.json("up", timeout=PREPARE_SECONDS)
    assert {"schemas", "connect"} <= passed(run), run["checks"]
    assert {service["name"]: service["state"] for service in run["services"]} == dict.fromkeys(NAMES, "running")
    env = variables(labctl)
    versions = f"{env['SCHEMA_REGISTRY_URL']}/subjects/orders-value/versions"
    requests.post(versions, json={"schema": json.dumps(SCHEMA)}, timeout=30).raise_for_status()
    # another user of this machine has no login
    assert requests.get(f"{env['CONNECT_URL']}/connectors", timeout=30).status_code == 401
    (labctl.folder / "lines.txt").write_text("one\ntwo\n")
    config = {"connector.class": "FileStreamSource", "file": str(labctl.folder / "lines.txt"), "topic": "lines"}
    (labctl.folder / "lines.json").write_text(json.dumps(config))
    applied = labctl.run("connect", "apply", "lines.json", check=True).stdout
    assert applied == "created lines: source FileStreamSource; running, 1 of 1 tasks running\n"
    wait_for(lambda: labctl.run("dump", "lines").stdout.count("\n") == 2)
    labctl.run("stop", check=True)
    assert states(labctl) == dict.fromkeys(NAMES, "exited")
    labctl.run("up", check=True)
    assert requests.get(versions, timeout=30).json() == [1]
    (connector,) = labctl.json("connect", "ls")
    assert (connector["name"], connector["state"]) == ("lines", "RUNNING")


def test_a_service_that_was_killed_starts_again(labctl):
    """`status` reports it, and `up` starts it alone."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    before = pids(labctl)
    os.kill(before["schema-registry"], signal.SIGKILL)
    wait_for(lambda: states(labctl)["schema-registry"] == "exited")
    assert labctl.json("status")["state"] == "partly running"
    assert labctl.json("up")["status"] == "passed"
    after = pids(labctl)
    assert after["connect"] == before["connect"]
    assert after["schema-registry"] != before["schema-registry"]


def test_a_service_that_can_t_start_is_explained(labctl):
    """A heap of 2 MB is too small: the error quotes the service's own log, and nothing is left."""
    labctl.spec(LOCAL.replace("connect: {port: auto}", "connect: {port: auto, heap: 2m}"))
    done = labctl.run("up", timeout=PREPARE_SECONDS)
    assert done.returncode == 4
    assert "Kafka Connect ended: " in done.stderr
    assert "java.lang.OutOfMemoryError" in done.stderr


def test_a_taken_port_is_refused_before_anything_starts(labctl):
    """The error names the port, who has it, and the key of lab.yaml."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        labctl.spec(LOCAL.replace("schema_registry: {port: auto", f"schema_registry: {{port: {port}"))
        done = labctl.run("up")
    assert done.returncode == 3
    assert f"port {port} of the schema registry is in use by" in done.stderr
    assert "set services.schema_registry.port in lab.yaml" in done.stderr


def test_killed_commands_leave_nothing(labctl):
    """Ten times `up` or `down` is killed at a random moment; the next `down` removes the services too."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    labctl.run("down", check=True)
    chance = random.Random(33)
    for _ in range(10):
        command = labctl.start("up")
        time.sleep(chance.uniform(0.3, 5))
        command.kill()
        command.wait(10)
        if chance.random() < 0.5:
            removal = labctl.start("down")
            time.sleep(chance.uniform(0, 0.6))
            removal.kill()
            removal.wait(10)
        labctl.run("down", check=True)
        left = snapshot.take(labctl.state / "labs", within=labctl.folder).new_since(snapshot.NOTHING)
        assert not left, left


@pytest.mark.network
def test_a_plugin_of_a_maven_repository(labctl):
    """Debezium's connector is among the worker's; coordinates that do not exist are one sentence."""
    plugin = "maven:io.debezium:debezium-connector-postgres:3.6.1.Final"
    with_plugin = LOCAL.replace("connect: {port: auto}", f"connect: {{port: auto, plugins: ['{plugin}']}}")
    labctl.spec(with_plugin.replace("3.6.1.Final", "0.0.0"))
    assert "--trust accepts it" in labctl.run("up").stderr
    missing = labctl.run("up", "--trust", timeout=PREPARE_SECONDS)
    assert missing.returncode == 3
    assert "the repository has no plugin io.debezium:debezium-connector-postgres:0.0.0" in missing.stderr
    labctl.spec(with_plugin)
    labctl.run("up", "--trust", check=True, timeout=PREPARE_SECONDS)
    classes = {found["class"] for found in labctl.json("connect", "plugins")}
    assert "io.debezium.connector.postgresql.PostgresConnector" in classes


@pytest.mark.docker
def test_a_stack_in_docker(engine_labctl):
    """The same lab.yaml as containers: verified, stopped, resumed, and nothing is left."""
    labctl = engine_labctl
    labctl.run("image", "build", "--service", "schema-registry", timeout=PREPARE_SECONDS, check=True)
    labctl.run("image", "build", timeout=PREPARE_SECONDS, check=True)
    labctl.spec(f"{STACK}runtime: compose\nkafka: {{image: labctl/kafka}}\n")
    assert {"schemas", "connect"} <= passed(labctl.json("up", timeout=PREPARE_SECONDS))
    env = variables(labctl)
    versions = f"{env['SCHEMA_REGISTRY_URL']}/subjects/orders-value/versions"
    requests.post(versions, json={"schema": json.dumps(SCHEMA)}, timeout=30).raise_for_status()
    assert "CONNECT_CURL_CONFIG" not in env  # its connectors see the container's files alone
    labctl.run("stop", check=True)
    labctl.run("up", check=True)
    assert requests.get(versions, timeout=30).json() == [1]


@pytest.mark.network
def test_the_clients_of_others(labctl, tmp_path):
    """curl, kafkajs and Java with Apicurio's serializers work with what `env` printed; labctl reads their records."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    env = variables(labctl)
    command = ["curl", "-s", "-K", env["CONNECT_CURL_CONFIG"], f"{env['CONNECT_URL']}/connectors"]
    assert json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout) == []
    bootstrap, registry = env["KAFKA_BOOTSTRAP_SERVERS"], env["SCHEMA_REGISTRY_URL"]
    assert run_kafkajs(tmp_path, bootstrap, registry, "js") == '{"orderid":1002}\n'
    assert run_java(tmp_path, bootstrap, env["APICURIO_REGISTRY_URL"], "java") == '{"orderid": 1001}\n'
    client = SchemaClient(registry)
    with KafkaClient(bootstrap) as kafka:
        for topic, order in {"js": 1002, "java": 1001}.items():
            (record,) = kafka.read(topic)
            assert dict(client.deserialize(topic, AVRO, SCHEMA, record.value or b"")) == {"orderid": order}
    labctl.run("traffic", "orders", "--schema", "avro", "--rate", "50", "--for", "1s", check=True)
    labctl.run("traffic", "typed", "--schema", "json", "--rate", "50", "--for", "1s")  # there is no such topic
    assert "orders-value" in requests.get(f"{registry}/subjects", timeout=30).json()


def run_kafkajs(folder, *arguments):
    """Run kafkajs with its registry client, and return what it printed."""
    install = [
        "npm",
        "install",
        "--silent",
        "--prefix",
        str(folder),
        KAFKAJS,
        "@kafkajs/confluent-schema-registry@3.9.0",
    ]
    subprocess.run(install, check=True, timeout=240, capture_output=True)
    script = Path(__file__).with_name("kafkajs_registry.js")
    environment = os.environ | {"NODE_PATH": str(folder / "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    command = ["node", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout


def run_java(folder, *arguments):
    """Run the Java client with Apicurio's serializers of Avro, and return what it printed."""
    (folder / "pom.xml").write_text(POM)
    listing = folder / "classpath"
    maven = ["mvn", "-q", "-B", "dependency:build-classpath", f"-Dmdep.outputFile={listing}"]
    subprocess.run(maven, cwd=folder, check=True, timeout=300, capture_output=True)
    program = Path(__file__).with_name("RegistryClient.java")
    command = ["java", "-cp", listing.read_text(), str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_reset_empties_the_services_too(labctl):
    """Schemas and connectors are gone, and the lab is verified again."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    versions = f"{variables(labctl)['SCHEMA_REGISTRY_URL']}/subjects/orders-value/versions"
    requests.post(versions, json={"schema": json.dumps(SCHEMA)}, timeout=30).raise_for_status()
    sink = {"connector.class": "FileStreamSink", "topics": "orders", "value.converter": STRINGS}
    (labctl.folder / "sink.json").write_text(json.dumps(sink))
    labctl.run("connect", "apply", "sink.json", check=True)
    assert "1 schema: orders-value" in labctl.run("reset", check=True).stderr
    assert requests.get(versions, timeout=30).status_code == 404
    assert labctl.json("connect", "ls") == []
    assert {"schemas", "connect"} <= passed(labctl.json("check"))


def test_a_lab_whose_broker_ended_starts_again(labctl):
    """Its services still have their ports then."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    labctl.run("node", "kill", "broker", check=True)
    assert labctl.json("up")["status"] == "passed"


def test_two_stacks_at_once_in_a_folder_with_letters(labctl, tmp_path):
    """Each has ports of its own, and a name beyond ASCII in the state folder changes nothing."""
    labctl.spec(LOCAL)
    other = {"XDG_STATE_HOME": str(tmp_path / "état")}
    labctl.run("up", check=True, timeout=PREPARE_SECONDS)
    try:
        second = labctl.json("up", "--name", "second", env=other)
        assert {"schemas", "connect"} <= passed(second), second["checks"]
        listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
        mine = [line for line in listening.splitlines() if any(f"pid={pid}," in line for pid in pids(labctl).values())]
        assert mine
        assert all("127.0.0.1" in line.split()[3] for line in mine), mine
    finally:
        labctl.run("down", "--name", "second", env=other, check=True)
