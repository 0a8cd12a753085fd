"""The compose runtime on a real engine, with the project's image and with one that is laid out like apache/kafka."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from labctl.lab.reporter import NullReporter
from labctl.runtime.docker.compose import ComposeRuntime
from labctl.runtime.docker.compose_file import COMPOSE_FILE
from tests.fakes import a_plan
from tests.integration.docker_command import all_names, docker, lab_objects
from tests.integration.labs import NO_ENGINE, OWN_IMAGE, SOURCE, compose_lab, lab_yaml
from tests.integration.polling import wait_for
from tests.integration.secret_search import leaks, readable_by_others, sampled_arguments, secrets_of
from tests.runtime_contract import keeps_the_contract

pytestmark = pytest.mark.docker

STOCK_LIKE = "labctl-test/stock-like"
GOLDEN = Path(__file__).parent.parent / "golden" / "compose"


# the homework's lines, unchanged
TYPED = """\
docker exec broker /opt/kafka/bin/kafka-topics.sh --topic t1 --create --bootstrap-server localhost:9092 --partitions 3 --replication-factor 1
echo '{"orderid":1001, "amount":599.99}' | jq -c | docker exec -i broker /opt/kafka/bin/kafka-console-producer.sh --topic orders --bootstrap-server localhost:9092
docker exec broker /opt/kafka/bin/kafka-console-consumer.sh --topic orders --from-beginning --bootstrap-server localhost:9092 --max-messages 3
"""  # noqa: E501


@pytest.mark.gate
def test_the_homework_in_docker(engine_labctl):
    """On the project's image all checks pass, the homework's lines work as typed, and `down` removes everything."""
    the_homework(engine_labctl, OWN_IMAGE)


def test_the_homework_on_an_image_like_apache_kafka_s(engine_labctl, stock_like):
    """The same with Debian's Java, Kafka's wrapper class and two dynamic CDS archives."""
    the_homework(engine_labctl, STOCK_LIKE)


def the_homework(labctl, image):
    if not shutil.which("jq"):
        pytest.skip("the homework's line is typed through jq, which is not installed")
    labctl.spec(f"kafka: {{image: {image}}}\nlisteners: {{external: {{port: auto}}}}\n")
    docker("run", "--detach", "--name", "broker-2", f"{OWN_IMAGE}:4.4.0", "sleep", "600")
    try:
        done = labctl.run("up", "--runtime", "compose", check=True)
        assert "runtime compose, as requested" in done.stderr
        assert "ready, verified" in done.stderr
        typed = ["bash", "-e", "-o", "pipefail", "-c", TYPED]
        result = subprocess.run(typed, capture_output=True, text=True, timeout=180, check=False)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[0] == "Created topic t1."
        server = ("--bootstrap-server", "localhost:9092")
        consumer = ("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *server)
        read = labctl.tool(*consumer, "--max-messages", "4", "--timeout-ms", "20000").stdout.splitlines()
        order = '{"orderid":1001,"amount":599.99}'
        assert sorted(read) == sorted(["hello, kafka", order, '{"orderid":1002,"amount":300}', order])
        assert len(set(result.stdout.splitlines()[1:]) & set(read)) >= 2, result.stdout
        assert labctl.tool("kafka-topics.sh", "--list", *server).stdout.split()[-2:] == ["orders", "t1"]
        require_few_privileges(json.loads(docker("container", "inspect", "broker"))[0])
        removed = labctl.run("down", check=True).stderr
        assert "container broker, volume labctl-homework_broker-data, network labctl-homework" in removed
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "broker-2").strip() == "running"
        assert not [name for name in all_names() if "labctl-homework" in name or name == "broker"]
    finally:
        docker("rm", "--force", "--volumes", "broker-2")


def require_few_privileges(container):
    """Check in the output of `docker inspect` that the container has no more privileges than it needs."""
    assert container["State"]["Health"]["Status"] == "healthy"
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert container["HostConfig"]["Memory"] == 1536 << 20
    assert {binding["HostIp"] for ports in container["HostConfig"]["PortBindings"].values() for binding in ports} == {
        "127.0.0.1"
    }


def cluster_metadata(bootstrap):
    """Return the cluster metadata that confluent-kafka gets."""
    return AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30)


@pytest.mark.gate
def test_compose_alone_brings_up_the_same_node(engine_labctl):
    """`docker compose up -d` on the rendered file starts the planned node, and checks on host and container pass."""
    engine_labctl.spec(compose_lab("alone").replace("port: auto", "port: 19394"))
    engine_labctl.run("render", "-o", "files", check=True)
    plan = engine_labctl.json("plan")
    file = str(engine_labctl.folder / "files" / COMPOSE_FILE)
    try:
        docker("compose", "-f", file, "up", "-d")
        names = ("quorum", "console-to-host", "host-to-console", "json-records")
        address = ("--bootstrap", "localhost:19394", "--container", "alone-broker")
        wait_for(lambda: engine_labctl.run("check", *names, *address).returncode == 0, seconds=100)
        metadata = cluster_metadata("localhost:19394")
        (node,) = plan["nodes"]
        advertised = {listener["name"]: listener["advertised"] for listener in node["listeners"]}
        assert metadata.cluster_id == plan["cluster_id"]
        assert {broker.id: f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()} == {
            node["id"]: advertised["EXTERNAL"]
        }
    finally:
        docker("compose", "-f", file, "down", "--volumes", "--timeout", "0")


@pytest.mark.gate
def test_stop_keeps_the_data(engine_labctl):
    """After `stop` and `up` the lab has its records and cluster id, in a new container on the same engine."""
    text = compose_lab("stops").replace("runtime: compose", "runtime: auto")
    engine_labctl.spec(text)
    up = engine_labctl.run("up", check=True)
    engine = docker("version", "--format", "{{.Server.Version}}").strip()
    reason = f"auto: Docker Engine {engine} responds and has {OWN_IMAGE}:4.4.0"
    assert f"runtime compose, {reason}" in up.stderr
    report = json.loads(engine_labctl.run("report", "--format", "json", check=True).stdout)
    assert report["runtime"] == {"name": "compose", "reason": reason}
    before = cluster_metadata(report["endpoints"]["external"]).cluster_id
    producer = ("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    engine_labctl.tool(*producer, input="kept\n")
    engine_labctl.run("stop", check=True)
    assert engine_labctl.json("status")["state"] == "stopped"
    engine_labctl.spec(text.replace("kafka: {", "kafka: {heap: 384m, "))
    engine_labctl.run("up", check=True)
    assert engine_labctl.json("status", env={"DOCKER_HOST": NO_ENGINE})["state"] == "running"
    assert cluster_metadata(report["endpoints"]["external"]).cluster_id == before
    consumer = ("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    read = engine_labctl.tool(*consumer, "--from-beginning", "--max-messages", "4", "--timeout-ms", "20000")
    assert "kept" in read.stdout.splitlines()


def test_exec_passes_on_exit_code_and_signals(engine_labctl):
    """`exec` returns the exit code of the program, and a SIGTERM to labctl ends the program."""
    engine_labctl.spec(compose_lab("execs"))
    engine_labctl.run("up", "--checks", "none", check=True)
    assert engine_labctl.tool("sh", "-c", "exit 37", check=False).returncode == 37
    running = engine_labctl.start("exec", "broker", "--", "sleep", "4711")
    wait_for(lambda: "sleep 4711" in docker("top", "execs-broker"))
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=15)
    assert running.returncode == 143
    assert "sleep 4711" not in docker("top", "execs-broker")


@pytest.mark.gate
def test_the_compose_runtime_keeps_the_contract(tmp_path, docker_engine):
    """The same contract tests pass as for the fake and for the local runtime."""
    from labctl.runtime.access import render

    plan = a_plan(
        f"name: contract\nkafka: {{image: {OWN_IMAGE}}}\nlisteners: {{external: {{port: 19493}}}}\n", runtime="compose"
    )
    for path, text in render(plan).items():
        (tmp_path / path).write_text(text)
    runtime = ComposeRuntime(plan, tmp_path, NullReporter())
    try:
        keeps_the_contract(runtime, "broker", tmp_path)
    finally:
        runtime.down()


@pytest.mark.gate
@pytest.mark.parametrize("file", sorted(GOLDEN.glob(f"*/{COMPOSE_FILE}")), ids=lambda path: path.parent.name)
def test_compose_accepts_every_golden_file(docker_engine, file):
    """`docker compose config` reads each file without a warning."""
    done = subprocess.run(
        ["docker", "compose", "-f", str(file), "config"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "labctl.cluster" in done.stdout


@pytest.mark.gate
def test_the_checks_run_on_a_compose_stack_that_labctl_did_not_create(engine_labctl):
    """`check --container` also runs the console tools inside a container that labctl did not create."""
    homework = Path(__file__).parent.parent.parent / "bench" / "homework.yml"
    environment = os.environ | {"IMAGE": f"{OWN_IMAGE}:4.4.0", "PORT": "19595"}
    compose = ("compose", "-p", "labctl-test-foreign", "-f", str(homework))
    try:
        docker(*compose, "up", "--detach", "--wait", env=environment)
        address = ("--bootstrap", "localhost:19595", "--container", "labctl-bench-broker")
        names = ("console-to-host", "host-to-console", "share-group", "quorum")
        report = engine_labctl.json("check", *names, *address)
        container_id = docker("container", "inspect", "--format", "{{.Id}}", "labctl-bench-broker").strip()
        by_id = engine_labctl.run("check", "host-to-console", *address[:-1], container_id[:12])
        left = docker("exec", "labctl-bench-broker", "ls", "-A", "/tmp").split()
    finally:
        docker(*compose, "down", "--volumes", "--timeout", "0", env=environment)
    status = {check["name"]: check["status"] for check in report["checks"]}
    assert status == dict.fromkeys(
        (
            "localhost:19595 from this machine",
            "settings of labctl-bench-broker",
            "localhost:9092 from container labctl-bench-broker",
            "broker:9092 from another container on labctl-test-foreign_default",
            "internal-topics",
            "console-to-host",
            "host-to-console",
            "quorum",
        ),
        "passed",
    ) | {"share-group": "skipped"}, report
    assert by_id.returncode == 0, by_id.stderr
    assert not [name for name in left if "labctl" in name], left
    wrong = engine_labctl.run("check", *address)
    assert (wrong.returncode, "there is no container labctl-bench-broker" in wrong.stderr) == (4, False)


@pytest.mark.gate
def test_a_wrong_advertised_address_fails_the_checks_of_clients_on_the_host(engine_labctl):
    """Exactly those checks fail, and they name the advertised address."""
    text = compose_lab("astray").replace("port: auto", "port: auto, advertise: 127.0.0.9")
    engine_labctl.spec(text + "timeout: 15\n")
    up = engine_labctl.run("up", "--keep")
    assert up.returncode == 4
    assert "broker 1 advertises 127.0.0.9:" in up.stderr
    assert "listeners.external.advertise" in up.stderr
    topic = ("--create", "--topic", "orders", "--partitions", "3", "--bootstrap-server", "broker:9092")
    engine_labctl.tool("kafka-topics.sh", *topic)
    report = engine_labctl.json("check")
    status = {check["name"]: check["status"] for check in report["checks"]}
    assert {name for name, result in status.items() if result == "passed"} == {"quorum", "topics"}
    assert {name for name, result in status.items() if result == "skipped"} == {"security", "ui"}
    details = {check["detail"] for check in report["checks"] if check["status"] == "failed"}
    assert len(details) == 1
    assert details.pop().startswith("broker 1 advertises 127.0.0.9:")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("preset", ["cluster", "isolated"])
def test_clusters(engine_labctl, preset):
    """All checks of a cluster pass, including those that stop a broker, and each node reports its memory."""
    engine_labctl.spec(lab_yaml(preset).replace("brokers: 3", f"image: {OWN_IMAGE}\n  brokers: 3"))
    report = engine_labctl.json("up", "--runtime", "compose", timeout=200)
    status = {check["name"]: check["status"] for check in report["checks"]}
    assert status == dict.fromkeys(status, "passed") | {"ui": "skipped", "security": "skipped"}, report["checks"]
    roles = {node["name"]: "+".join(node["roles"]) for node in report["nodes"]}
    assert len(roles) == {"cluster": 3, "isolated": 6}[preset]
    assert roles["broker-2"] == {"cluster": "broker+controller", "isolated": "broker"}[preset]
    assert all(node["memory"] for node in report["nodes"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("image", [OWN_IMAGE, STOCK_LIKE])
def test_a_secure_lab(engine_labctl, stock_like, image):
    """All checks pass through the listeners that require authentication, and the engine shows no secret."""
    engine_labctl.spec(lab_yaml("secure").replace("  brokers: 1", f"  image: {image}\n  brokers: 1"))
    with sampled_arguments() as arguments:
        report = engine_labctl.json("up", "--runtime", "compose", timeout=200)
    status = {check["name"]: check["status"] for check in report["checks"]}
    assert status == dict.fromkeys(status, "passed") | {"ui": "skipped", "replication": "skipped"}, report["checks"]
    secrets = secrets_of(engine_labctl)
    texts = readable_by_others(engine_labctl.folder.parent) | {
        "arguments": "\n".join(arguments),
        "report": json.dumps(report),
        "inspect": docker("container", "inspect", "secure-broker"),
        "top": docker("top", "secure-broker", "-o", "pid,args"),
        "logs": docker("logs", "secure-broker"),
        "volume": docker("volume", "inspect", "labctl-secure_broker-data"),
    }
    assert "compose" in texts["arguments"]
    assert leaks(secrets, texts) == []
    assert leaks(secrets, texts | {"planted": f"x{min(secrets)}"}) == ["planted"]


@pytest.mark.parametrize(
    ("folder", "labelled"), [("state", True), ("state:1", False)], ids=["labelled", "not labelled"]
)
@pytest.mark.usefixtures("selinux")
def test_mounted_files_have_selinux_s_label(engine_labctl, folder, labelled):
    """Where SELinux is on, a container may read only files with its label. A path with a colon can have no options."""
    engine_labctl.env["XDG_STATE_HOME"] = str(Path(engine_labctl.env["XDG_STATE_HOME"]).with_name(folder))
    engine_labctl.spec(lab_yaml("secure").replace("  brokers: 1", f"  image: {OWN_IMAGE}\n  brokers: 1"))
    engine_labctl.run("up", "--runtime", "compose", "--checks", "none", check=True)
    host = json.loads(docker("container", "inspect", "secure-broker"))[0]["HostConfig"]
    targets = ["/etc/kafka/secrets", "/mnt/shared/config/server.properties"]
    mounted = [bind.rpartition(":")[0].rpartition(":")[2] for bind in host["Binds"] or () if bind.endswith(":ro,Z")]
    assert sorted(mounted) == (targets if labelled else [])
    engine_labctl.run("down", check=True)


@pytest.fixture
def selinux(engine_labctl):
    """labctl finds SELinux on this machine; Docker ignores the label where there is none."""
    engine_labctl.env["PYTHONPATH"] = f"{SOURCE / 'tests' / 'selinux'}:{SOURCE}"


def test_three_nodes(engine_labctl):
    """Three nodes start. `quorum` reports the node that is killed."""
    engine_labctl.spec(compose_lab("three", more=", brokers: 3"))
    engine_labctl.run("up", check=True)
    docker("kill", "three-broker-3")
    lagging = "2 of 3 voters caught up: voter 3 is "
    wait_for(lambda: lagging in engine_labctl.json("check", "quorum")["checks"][0]["detail"])
    assert lab_objects("three")["container"] == ["three-broker-1", "three-broker-2", "three-broker-3"]
