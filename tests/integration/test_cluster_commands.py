"""`labctl node`, `drill`, `fault` and `upgrade` on real clusters, in both runtimes."""

import json
import socket

import psutil
import pytest

from labctl.drills.table import DRILLS
from labctl.system.processes import ProcessId
from tests.integration.docker_command import docker
from tests.integration.labs import compose_lab
from tests.integration.polling import read_url, wait_for

pytestmark = [pytest.mark.timeout(480)]

LOCAL = "listeners: {external: {port: auto, faults: true}}\nui: {kind: none}\nchecks: none\n"
CLUSTER = LOCAL + "kafka: {brokers: 3}\n"
LOSSY = """\
kafka:
  brokers: 3
  config:
    min.insync.replicas: 1
    unclean.leader.election.enable: true
    replica.fetch.min.bytes: 1000000
    replica.fetch.wait.max.ms: 500
"""
COMPOSE = compose_lab("broken", ", brokers: 3").replace("port: auto", "port: auto, faults: true")
RUNTIMES = [pytest.param("local", marks=pytest.mark.local), pytest.param("compose", marks=pytest.mark.docker)]


@pytest.fixture(params=RUNTIMES)
def cluster(request):
    """Return a labctl with a lab of three nodes."""
    used = request.getfixturevalue("labctl" if request.param == "local" else "engine_labctl")
    used.spec(CLUSTER if request.param == "local" else COMPOSE)
    used.run("up", check=True)
    used.runtime = request.param
    return used


def leads(cluster):
    """Return {node: how many partitions it leads}, as `status` reports it."""
    return {node["name"]: node["leads"] for node in cluster.json("status")["nodes"]}


def test_each_node_ends_and_works_again(cluster):
    """Kafka reports each change; afterwards the cluster is whole, with the leaders as before."""
    before = leads(cluster)
    assert len(set(before.values())) == 1  # each leads as many
    for ended, again in (("kill", "start"), ("pause", "resume"), ("stop", "start")):
        for node in ("broker-1", "broker-3"):
            down = cluster.json("node", ended, node)
            assert down["noticed_seconds"] is not None, down
            assert down["partitions"]["without_leader"] == 0
            assert leads(cluster)[node] == 0
            up = cluster.json("node", again, node)
            assert up["noticed_seconds"] is not None, up
            assert up["partitions"]["isr_not_full"] == 0
            assert leads(cluster) == before
    assert "labctl-check" not in cluster.tool("kafka-topics.sh", *BOOTSTRAP, "--list", node="broker-1").stdout


BOOTSTRAP = ("--bootstrap-server", "broker-1:9092")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_lab_page_shows_what_works(request, runtime):
    """A node that is frozen or gone does not stop it."""
    labctl = request.getfixturevalue("labctl" if runtime == "local" else "engine_labctl")
    labctl.spec((CLUSTER if runtime == "local" else COMPOSE).replace("ui: {kind: none}", "ui: {port: auto}"))
    labctl.run("up", check=True)
    page = labctl.json("status")["endpoints"]["ui"]
    wait_for(lambda: "<dd>3 of 3</dd>" in read_url(page, 60), 30)
    for ended, again in (("pause", "resume"), ("kill", "start")):
        labctl.run("node", ended, "broker-1", check=True)
        assert "<dd>2 of 3</dd>" in read_url(page, 60)
        assert "does not respond" in read_url(page, 60)
        for path in ("/topics/orders", "/groups"):
            assert "not readable now" not in read_url(page + path, 60)
        labctl.run("node", again, "broker-1", check=True)
        wait_for(lambda: "<dd>3 of 3</dd>" in read_url(page, 60), 30)


def test_a_majority_that_is_away_is_reported_as_that(cluster):
    """At once, and `up` brings everything back, a frozen node too."""
    cluster.run("node", "pause", "broker-2", check=True)
    away = cluster.json("node", "kill", "broker-3")
    assert away["detail"] == "1 of 3 voters run: without a majority the quorum has no leader"
    done = cluster.run("up", check=True)
    assert "broker-2 did not work: connected and resumed" in done.stderr
    assert cluster.json("status")["partitions"]["isr_not_full"] == 0


@pytest.mark.parametrize("kind", [name for name, drill in DRILLS.items() if not drill.upgrades])
def test_a_drill_loses_nothing_and_leaves_the_lab_as_it_was(cluster, kind):
    """Its report has the run with its events and rates."""
    before = leads(cluster)
    report = cluster.json("drill", kind, timeout=240)
    (drill,) = report["drills"]
    assert (drill["name"], drill["status"]) == (kind, "passed"), drill
    (run,) = drill["runs"]
    assert run["acknowledged"] > 1000
    assert (run["lost"], run["duplicated"], run["out_of_order"]) == (0, 0, 0)
    assert {event["kind"] for event in run["events"]} == {"fault", "effect", "repair"}
    assert sum(written for _at, written, _read in run["rates"]) > 1000
    assert leads(cluster) == before
    assert "labctl-drill" not in cluster.tool("kafka-topics.sh", *BOOTSTRAP, "--list", node="broker-1").stdout


@pytest.mark.local
def test_a_lossy_cluster_reports_its_losses(labctl):
    """Followers that fetch every half second: a leader's kill loses what it alone had and acknowledged."""
    labctl.spec(LOCAL + LOSSY)
    labctl.run("up", check=True)
    done = labctl.run("drill", "leader", "--acks", "1", "--times", "3", "--json", timeout=240)
    assert done.returncode == 1, done.stderr
    (drill,) = json.loads(done.stdout)["drills"]
    assert drill["status"] == "failed"
    assert sum(run["lost"] for run in drill["runs"]) > 0, drill
    (careful,) = labctl.json("drill", "leader", timeout=240)["drills"]  # acks=all
    assert (careful["status"], careful["runs"][0]["lost"]) == ("passed", 0), careful


def test_faults_of_the_network(cluster):
    """Those of one broker leave the others alone; after `clear` everything passes again."""
    first, *others = cluster.json("status")["endpoints"]["external"].split(",")
    cluster.run("fault", "refuse", "--node", "broker-1", check=True)
    with pytest.raises(ConnectionRefusedError):
        open_socket(first)
    for address in others:
        open_socket(address).close()
    listed = {each["node"]: each["faults"]["refuse"] for each in cluster.json("fault", "ls")}
    assert listed == {"broker-1": True, "broker-2": False, "broker-3": False}
    assert cluster.json("status")["proxy"]["faults"] == ["broker-1: refuse"]
    done = cluster.run("fault", "clear", check=True)
    assert "ended broker-1: refuse" in done.stderr
    cluster.run("check", "topics", "quorum", check=True)


def open_socket(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), 5)


def test_an_isolated_node(cluster):
    """In Docker it is cut off and connected again; elsewhere the error says what to use."""
    done = cluster.run("fault", "isolate", "broker-2")
    if cluster.runtime == "local":
        assert done.returncode == 2
        assert "share the network of this machine" in done.stderr
        return
    states = {node["name"]: node["detail"] for node in cluster.json("status")["nodes"]}
    assert states["broker-2"].startswith("isolated: ")
    assert "ended broker-2: isolated" in cluster.run("fault", "clear", check=True).stderr
    wait_for(lambda: cluster.json("status")["partitions"]["isr_not_full"] == 0)


@pytest.mark.local
def test_the_proxy_ends_with_its_lab_and_starts_with_it(labctl):
    """Killed, it is missing in `status`, and `up` starts it with its ports; `down` leaves nothing of it."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True)
    (path,) = labctl.state.glob("labs/*/proxy/pid.json")
    pid = json.loads(path.read_text())["pid"]
    psutil.Process(pid).kill()
    assert labctl.json("status")["proxy"]["state"] == "missing"
    refused = labctl.run("fault", "cut")
    assert (refused.returncode, "does not run" in refused.stderr) == (4, True)
    labctl.run("up", check=True)
    labctl.run("check", "topics", check=True)
    second = json.loads(path.read_text())["pid"]
    labctl.run("down", check=True)
    assert ProcessId.of(second) is None


@pytest.mark.local
def test_a_lab_without_a_proxy_says_how_to_get_one(labctl):
    """And a drill needs three brokers."""
    labctl.spec(LOCAL.replace(", faults: true", ""))
    labctl.run("up", check=True)
    done = labctl.run("fault", "latency", "200ms")
    assert done.returncode == 4
    assert "faults: true" in done.stderr
    done = labctl.run("drill", "leader")
    assert (done.returncode, "a drill needs 3 brokers" in done.stderr) == (2, True)


@pytest.mark.local
@pytest.mark.network
def test_an_upgrade_keeps_the_data(labctl):
    """Without finalizing the old Kafka can come back; afterwards it is refused."""
    labctl.spec(CLUSTER + "topics: [{name: kept, partitions: 3, records: [old]}]\n")
    labctl.run("up", "--kafka", "4.3.1", check=True, timeout=240)
    first = labctl.json("upgrade", "--to", "4.4.0", "--no-finalize", timeout=240)
    assert (first["before"]["metadata.version"], first["finalized"]) == (first["after"]["metadata.version"], False)
    assert list(first["nodes"]) == ["broker-1", "broker-2", "broker-3"]
    labctl.run("stop", check=True)
    labctl.run("up", "--kafka", "4.3.1", check=True)
    second = labctl.json("upgrade", "--to", "4.4.0", timeout=240)
    assert second["after"]["metadata.version"] > second["before"]["metadata.version"]
    read = labctl.tool(
        "kafka-console-consumer.sh", *BOOTSTRAP, "--topic", "kept", "--from-beginning", "--max-messages", "1",
        node="broker-1",
    )  # fmt: skip
    assert read.stdout.strip() == "old"
    labctl.run("check", check=True)
    older = labctl.run("upgrade", "--to", "4.3.1")
    assert (older.returncode, "an upgrade leads to a newer one" in older.stderr) == (2, True)


@pytest.mark.local
@pytest.mark.network
def test_a_drill_of_an_upgrade(labctl):
    """Nothing is lost while each node is replaced."""
    labctl.spec(CLUSTER)
    labctl.run("up", "--kafka", "4.3.1", check=True, timeout=240)
    report = labctl.json("drill", "upgrade", "--to", "4.4.0", timeout=300)
    assert (report["status"], report["kafka_version"]) == ("passed", "4.4.0"), report
    assert labctl.json("status")["kafka_version"] == "4.4.0"


@pytest.mark.docker
def test_an_upgrade_in_docker(engine_labctl):
    """The containers of the new image have the old volumes."""
    engine_labctl.run("image", "build", "--kafka", "4.3.1", check=True, timeout=400)
    engine_labctl.spec(COMPOSE)
    engine_labctl.run("up", "--kafka", "4.3.1", check=True)
    engine_labctl.json("upgrade", "--to", "4.4.0", timeout=240)
    images = docker("ps", "--filter", "label=labctl.lab=broken", "--format", "{{.Image}}").split()
    assert images == ["labctl/kafka:4.4.0"] * 3
    engine_labctl.run("check", check=True)
