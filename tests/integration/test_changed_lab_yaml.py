"""`labctl up` with a changed lab.yaml in both runtimes, while a program writes."""

import json

import pytest

from tests.integration.labs import compose_lab
from tests.integration.writer import Writer, numbers

pytestmark = [pytest.mark.timeout(400)]

RUNTIMES = [pytest.param("local", marks=pytest.mark.local), pytest.param("compose", marks=pytest.mark.docker)]
LOCAL = "kafka: {brokers: 3%s}\nlisteners: {external: {port: auto}}\nui: {kind: none}\n"
TOPICS = "topics: [{name: orders, partitions: 3}]\n"


@pytest.fixture(params=RUNTIMES)
def cluster(request):
    """Return a labctl with a lab of three nodes, and a function that writes its lab.yaml with more keys of `kafka`."""
    labctl = request.getfixturevalue("labctl" if request.param == "local" else "engine_labctl")

    def write(kafka="", topics=TOPICS):
        text = LOCAL % kafka if request.param == "local" else compose_lab("changed", f", brokers: 3{kafka}")
        labctl.spec(text + topics)

    write()
    labctl.run("up", check=True)
    return labctl, write


def setting(labctl, name, *of):
    """Return the value of a setting as Kafka's own tool prints it."""
    output = labctl.tool(
        "kafka-configs.sh", "--bootstrap-server", "broker-1:9092", "--describe", "--all", *of, node="broker-1"
    ).stdout
    return next(line.split()[0] for line in output.splitlines() if line.strip().startswith(f"{name}="))


def restarts(run):
    """Return the nodes that a run restarted."""
    return [step["name"].partition(": ")[2] for step in run["steps"] if step["name"].startswith("restart: ")]


def test_a_changed_lab_yaml_while_a_program_writes(cluster):
    """What Kafka can change is changed; else one node after another starts again. Nothing is lost or written twice."""
    labctl, write = cluster
    writer = Writer(labctl.json("status")["endpoints"]["external"])
    writer.start()
    try:
        write(", config: {log.retention.ms: 18000000}")
        run = labctl.json("up")
        assert (run["status"], restarts(run)) == ("passed", [])
        for broker in ("1", "3"):
            assert setting(labctl, "log.retention.ms", "--broker", broker) == "log.retention.ms=18000000"

        write(", heap: 400m, racks: 3, config: {log.retention.ms: 21600000}")
        run = labctl.json("up")
        assert (run["status"], restarts(run)) == ("passed", ["broker-1", "broker-2", "broker-3"])
        assert setting(labctl, "log.retention.ms", "--broker", "2") == "log.retention.ms=21600000"
        assert setting(labctl, "broker.rack", "--broker", "2") == "broker.rack=rack-2"

        write(", heap: 400m, racks: 3", TOPICS.replace("3}", "4, config: {retention.ms: 70000}}"))
        run = labctl.json("up")
        assert (run["status"], len(restarts(run))) == ("passed", 3)
        assert setting(labctl, "log.retention.ms", "--broker", "2") == "log.retention.ms=null"
        assert setting(labctl, "retention.ms", "--topic", "orders") == "retention.ms=70000"
        assert [len(topic["partitions"]) for topic in run["topics"] if topic["name"] == "orders"] == [4]
        assert restarts(labctl.json("up")) == []
    finally:
        writer.end()
    assert writer.errors == []
    assert numbers(labctl.json("status")["endpoints"]["external"]) == writer.acknowledged


def test_a_setting_with_which_kafka_does_not_start(cluster):
    """One node has ended and the message says why; with the earlier lab.yaml it works again."""
    labctl, write = cluster
    write(", config: {log.retention.check.interval.ms: 0}")  # Kafka: at least 1
    failed = labctl.run("up")
    assert failed.returncode != 0
    assert "node broker-1 ended" in failed.stderr, failed.stderr
    assert "log.retention.check.interval.ms" in failed.stderr
    states = {node["name"]: node["state"] for node in labctl.json("status")["nodes"]}
    assert states == {"broker-1": "exited", "broker-2": "running", "broker-3": "running"}
    write()
    assert labctl.json("up")["status"] == "passed"


def test_a_value_that_kafka_refuses(cluster):
    """Nothing is changed, and no node ends."""
    labctl, write = cluster
    write(", config: {log.retention.ms: 18000000, log.cleaner.threads: 0}")
    failed = labctl.run("up")
    assert failed.returncode != 0
    assert "log.cleaner.threads" in failed.stderr, failed.stderr
    assert setting(labctl, "log.retention.ms", "--broker", "1") == "log.retention.ms=null"
    write()
    assert json.loads(labctl.run("up", "--json").stdout)["status"] == "passed"
