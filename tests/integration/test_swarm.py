"""The swarm runtime: a real swarm of three engines, each in a network namespace of this machine."""

import re

import pytest

from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore
from scripts.swarm_on_one_machine import objects
from tests import runtime_contract
from tests.integration.other_clients import read_by_librdkafka, write_with_librdkafka
from tests.integration.swarm import IMAGE, require_machines, swarm, swarm_labctl, swarm_yaml
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
    runtime_contract.keeps_the_contract(lab.runtime, "broker", None)


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


def test_three_labs_at_once(labctl, machines):
    """Each has ports of its own on every machine, also where all begin at the same moment."""
    names = ["first", "second", "third"]
    for name in names:
        labctl.spec(swarm_yaml("cluster").replace("name: cluster", f"name: {name}"), f"{name}.yaml")
    running = [labctl.start("up", "-f", f"{name}.yaml", "--checks", "quick") for name in names]
    for process in running:
        output = process.communicate(timeout=300)
        assert process.returncode == 0, output
    addresses = [address for name in names for address in external(labctl, name)]
    assert len(set(addresses)) == len(addresses) == 9
    for name in names:
        labctl.run("down", "--name", name, check=True)


def test_voters_come_and_go_also_without_their_machine(labctl, machines):
    """A controller whose machine is gone is removed, and what it has there is reported."""
    labctl.spec(swarm_yaml("isolated").replace("controllers: 3", "controllers: 3\n  quorum: dynamic"))
    labctl.run("up", "--checks", "quick", timeout=200, check=True)
    assert labctl.json("controller", "add", timeout=100)["node"] == "controller-4"
    where = {node["name"]: node["swarm_node"] for node in labctl.json("status")["nodes"]}
    dead = next(name for name, machine in where.items() if "controller" in name and machine == machines[2].name)
    machines[2].power_off()
    try:
        removed = labctl.run("controller", "remove", dead, timeout=200)
        assert removed.returncode == 0, removed.stderr
        assert f"the data of {dead} is still there" in removed.stderr
    finally:
        machines[2].start()


def test_a_lab_whose_record_is_lost(labctl, machines):
    """`ls` shows that its services run, and `down` says how to remove them."""
    labctl.spec(swarm_yaml("cluster"))
    labctl.run("up", "--checks", "none", timeout=200, check=True)
    records = {path: path.read_bytes() for path in (*labctl.state.rglob("lab.json"), *labctl.state.glob("records/*"))}
    for path in records:
        path.unlink()
    shown, refused = labctl.run("ls"), labctl.run("down")
    for path, content in records.items():
        path.write_bytes(content)
    assert "lab.json of the lab cluster is lost" in shown.stdout + shown.stderr
    assert (refused.returncode, "docker stack rm labctl-cluster" in refused.stderr) == (3, True), refused.stderr


def test_somebody_s_container_on_the_lab_s_network(labctl, machines):
    """`down` names it and how to take it off."""
    labctl.spec(swarm_yaml("cluster"))
    labctl.run("up", "--checks", "none", timeout=200, check=True)
    own = ["--network", "labctl-cluster", "--name", "mine", "--entrypoint", "sleep", IMAGE, "infinity"]
    machines[1].docker("run", "--detach", *own)
    try:
        refused = labctl.run("down", timeout=100)
        assert (refused.returncode, f"is in use by mine on {machines[1].name}" in refused.stderr) == (3, True)
    finally:
        machines[1].docker("rm", "--force", "--volumes", "mine")


def test_faults_between_clients_and_brokers(labctl, machines):
    """The proxy is on labctl's machine, before brokers on others."""
    labctl.spec(swarm_yaml("cluster").replace("port: auto", "port: auto\n    faults: true", 1))
    labctl.run("up", "--checks", "quick", timeout=200, check=True)
    assert {address.partition(":")[0] for address in external(labctl, "cluster")} == {"localhost"}
    labctl.run("fault", "refuse", "--node", "broker-2", check=True)
    assert labctl.run("check", "host-to-console", timeout=100).returncode == 1
    labctl.run("fault", "clear", check=True)
    labctl.run("check", "host-to-console", timeout=100, check=True)


def external(labctl, name):
    """Return the addresses of a lab for clients."""
    return labctl.json("status", "--name", name)["endpoints"]["external"].split(",")
