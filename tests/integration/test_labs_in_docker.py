"""Several labs on one engine, and what other programs do to them there."""

import json

import pytest

from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, compose_lab

pytestmark = pytest.mark.docker

FIVE = [f"five-{number}" for number in range(5)]
SERVER = ("--bootstrap-server", "broker:9092")


@pytest.mark.timeout(300)
def test_five_labs_started_at_once_by_five_processes(engine_labctl):
    """All checks pass, each lab has its own records and ports, and `down --all` removes all five."""
    engine_labctl.spec(compose_lab("any").replace("ui: {kind: none}", "ui: {kind: page, port: auto}"))
    starting = [engine_labctl.start("up", "--name", name) for name in FIVE]
    for process in starting:
        _out, err = process.communicate(timeout=250)
        assert process.returncode == 0, err
        assert "ready, verified" in err
    for name in FIVE:
        produce = ("kafka-console-producer.sh", "--topic", "orders", *SERVER)
        engine_labctl.run("exec", "--name", name, "broker", "--", *produce, input=f"from {name}\n", check=True)
    for name in FIVE:
        consume = ("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *SERVER)
        limits = ("--max-messages", "4", "--timeout-ms", "20000")
        read = engine_labctl.run("exec", "--name", name, "broker", "--", *consume, *limits, check=True)
        assert [line for line in read.stdout.splitlines() if line.startswith("from ")] == [f"from {name}"]
    labs = [engine_labctl.json("status", "--name", name) for name in FIVE]
    assert len({lab["endpoints"][name] for lab in labs for name in ("external", "ui")}) == 10
    output = engine_labctl.run("down", "--all", check=True).stderr
    assert all(f"container {name}-broker" in output for name in FIVE)


def test_a_container_that_another_program_removed(engine_labctl):
    """Each command reports the missing node, and `up` creates the container again with its records."""
    engine_labctl.spec(compose_lab("behind"))
    engine_labctl.run("up", check=True)
    engine_labctl.tool("kafka-console-producer.sh", "--topic", "orders", *SERVER, input="kept\n")
    docker("rm", "--force", "behind-broker")
    status = engine_labctl.run("status")
    assert (status.returncode, "node broker: broker, controller; missing" in status.stdout) == (4, True)
    for command in (("check",), ("reset",), ("exec", "broker", "--", "true")):
        done = engine_labctl.run(*command)
        assert (done.returncode, "labctl up starts it" in done.stderr) == (4, True), done.stderr
    engine_labctl.run("stop", check=True)
    engine_labctl.run("up", check=True)
    consume = ("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *SERVER)
    read = engine_labctl.tool(*consume, "--max-messages", "4", "--timeout-ms", "20000").stdout
    assert "kept" in read.splitlines()
    docker("rm", "--force", "behind-broker")
    engine_labctl.run("down", check=True)


def test_a_volume_that_the_engine_created_by_itself(engine_labctl):
    """`down` removes a volume without labels, which the engine created for a container of the lab."""
    engine_labctl.spec(compose_lab("raced"))
    engine_labctl.run("up", "--checks", "none", check=True)
    volume = "labctl-raced_broker-data"
    (container,) = json.loads(docker("container", "inspect", "raced-broker"))
    docker("rm", "--force", "raced-broker")
    docker("volume", "rm", volume)
    label = f"labctl.cluster={container['Config']['Labels']['labctl.cluster']}"
    mount = f"{volume}:/var/lib/kafka/data"
    docker("create", "--name", "raced-broker", "--label", label, "--volume", mount, f"{OWN_IMAGE}:4.4.0")
    assert docker("volume", "ls", "--quiet", "--filter", "label=labctl.cluster") == ""
    output = engine_labctl.run("down", check=True).stderr
    assert f"container raced-broker, volume {volume}, network labctl-raced" in output
