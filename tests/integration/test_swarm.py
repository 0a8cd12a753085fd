"""The swarm runtime: a real swarm of three engines, each in a network namespace of this machine."""

import re

import pytest

from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore
from tests import runtime_contract
from tests.integration.other_clients import read_by_librdkafka, write_with_librdkafka
from tests.integration.swarm import objects, require_machines, swarm, swarm_labctl, swarm_yaml
from tests.integration.writer import Writer, numbers

pytestmark = [pytest.mark.swarm, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def machines(docker_engine):
    """A swarm of three nodes, for all tests of this file."""
    require_machines()
    with swarm(3) as machines:
        yield machines


@pytest.fixture
def labctl(tmp_path, machines):
    """A fresh labctl that uses the swarm. After the test its labs have left nothing on any engine."""
    labctl = swarm_labctl(tmp_path / "labctl", machines)
    yield labctl
    labctl.end_started()
    labctl.run("down", "--all", check=True)
    assert objects(machines) == set()


@pytest.mark.parametrize("preset", ["cluster", "isolated", "secure"])
def test_presets_are_verified_from_outside(labctl, machines, preset):
    """By labctl's checks, and by a client of somebody else; each voter is on a node of its own."""
    labctl.spec(swarm_yaml(preset))
    run = labctl.json("up", timeout=200)
    assert run["status"] == "passed", run
    status = labctl.json("status")
    where = [node["swarm_node"] for node in status["nodes"] if "controller" in node["roles"]]
    assert len(set(where)) == len(where)
    addresses = {machine.name: machine.address for machine in machines}
    hosts = {address.partition(":")[0] for address in status["endpoints"]["external"].split(",")}
    brokers = [node["swarm_node"] for node in status["nodes"] if "broker" in node["roles"]]
    assert hosts == {addresses[name] for name in brokers}
    settings = dict(line.split("=", 1) for line in labctl.run("env", "--format", "librdkafka").stdout.splitlines())
    written = write_with_librdkafka(settings, 100)
    assert sorted(read_by_librdkafka(settings).values()) == sorted(written)
    node = status["nodes"][0]["name"]
    assert "kafka" in labctl.run("logs", node, check=True).stdout.lower()
    assert labctl.run("exec", node, "--", "hostname", check=True).stdout == f"{node}\n"


def test_the_runtime_keeps_the_contract(labctl):
    """The same contract as the others."""
    labctl.spec("runtime: swarm\nname: contract\nkafka: {image: labctl/kafka}\nlisteners: {external: {port: auto}}\n")
    labctl.run("up", "--checks", "none", check=True)
    lab = open_lab("contract", LabStore(labctl.state), NullReporter())
    lab.runtime.down()
    runtime_contract.keeps_the_contract(lab.runtime, "broker")


def test_refusals(labctl, machines):
    """Each in one sentence, with exit code 3, before anything starts."""
    manager = machines[0]
    labctl.spec(swarm_yaml("cluster"))
    manager.docker("node", "update", "--availability", "drain", machines[2].name)
    try:
        refused = labctl.run("up")
        assert refused.returncode == 3
        assert f"it has 3 nodes, {machines[2].name} is drained" in refused.stderr
    finally:
        manager.docker("node", "update", "--availability", "active", machines[2].name)
    image = labctl.run("up", "--kafka", "4.3.99")
    assert image.returncode == 3, image.stderr
    labctl.spec(swarm_yaml("cluster").replace("port: auto", "port: 7946"))  # Swarm's own
    taken = labctl.run("up")
    assert (taken.returncode, "port 7946 of" in taken.stderr) == (3, True), taken.stderr
    worker = swarm_labctl(labctl.folder.parent / "other", machines[1:])
    worker.spec(swarm_yaml("cluster"))
    refused = worker.run("up")
    assert (refused.returncode, "is no manager of a swarm" in refused.stderr) == (3, True), refused.stderr
    doctor = labctl.run("doctor", "--runtime", "swarm").stdout
    assert re.search(rf"✓ node {machines[1].name} +worker at {machines[1].address}", doctor)


def test_a_changed_lab_yaml_while_a_program_writes(labctl):
    """One broker after another starts again, and nothing is lost or written twice."""
    labctl.spec(swarm_yaml("cluster"))
    labctl.run("up", timeout=200, check=True)
    bootstrap = labctl.json("status")["endpoints"]["external"]
    writer = Writer(bootstrap)
    writer.start()
    try:
        labctl.spec(swarm_yaml("cluster").replace("heap: 512m", "heap: 400m"))
        run = labctl.json("up", timeout=300)
        assert run["status"] == "passed", run
        assert [step["name"] for step in run["steps"] if step["name"].startswith("restart: ")]
    finally:
        writer.end()
    assert writer.errors == []
    assert numbers(bootstrap) == writer.acknowledged


def test_down_while_a_node_is_away(labctl, machines):
    """It says which; when the node is back, `down` again removes what it has."""
    labctl.spec(swarm_yaml("cluster"))
    labctl.run("up", "--checks", "none", timeout=200, check=True)
    machines[2].power_off()
    try:
        first = labctl.run("down")
        assert first.returncode == 3, first.stderr
        assert f"{machines[2].name}, of the swarm, can't be reached" in first.stderr
    finally:
        machines[2].start()
    labctl.run("down", check=True)
    assert objects(machines) == set()
