"""labctl is killed in each command that changes a running cluster: `up` repairs what it left, `down` removes all."""

import time

import pytest

from labctl.versions import DEFAULT
from tests.integration.labs import compose_lab

pytestmark = [pytest.mark.timeout(480)]

MOMENTS = (0.4, 1.0, 3.0)  # seconds after the command began
LOCAL = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\nkafka: "
RUNTIMES = [pytest.param("local", marks=pytest.mark.local), pytest.param("compose", marks=pytest.mark.docker)]
COMMANDS = (
    ("node", "stop", "broker-2"),
    ("node", "kill", "broker-2"),
    ("node", "pause", "broker-2"),
    ("drill", "rolling"),
    ("drill", "isolate"),
)
WHOLE = {"without_leader": 0, "isr_not_full": 0}


def lab(request, runtime, kafka):
    """Return a labctl with a running lab with these settings of Kafka."""
    used = request.getfixturevalue("labctl" if runtime == "local" else "engine_labctl")
    used.spec(LOCAL + f"{{{kafka}}}\n" if runtime == "local" else compose_lab("killed", f", {kafka}"))
    used.run("up", "--checks", "none", check=True, timeout=240)
    return used


def kill_in(labctl, after, *command):
    """Run a command, and kill it `after` seconds, unless it has ended."""
    process = labctl.start(*command)
    time.sleep(after)
    process.kill()
    process.communicate(timeout=20)


def assert_whole(labctl):
    status = labctl.json("status")
    assert {node["state"] for node in status["nodes"]} == {"running"}, status["nodes"]
    assert not any(node.get("reason") for node in status["nodes"]), status["nodes"]
    assert {name: status["partitions"][name] for name in WHOLE} == WHOLE


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_up_repairs_what_a_killed_command_leaves(request, runtime, command):
    """Each node works again, each ISR is full, and the checks pass."""
    labctl = lab(request, runtime, "brokers: 3")
    for after in MOMENTS:
        kill_in(labctl, after, *command)
        labctl.run("up", "--checks", "quick", check=True)
        assert_whole(labctl)


@pytest.mark.network
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_killed_upgrade_goes_on(request, runtime):
    """Repeated, the same command ends what it began."""
    if runtime == "compose":
        request.getfixturevalue("engine_labctl").run("image", "build", "--kafka", "4.3.1", check=True, timeout=400)
    labctl = lab(request, runtime, "brokers: 3, version: 4.3.1")
    for after in (1.0, 4.0, 8.0):
        kill_in(labctl, after, "upgrade", "--to", DEFAULT)
    labctl.run("up", "--kafka", DEFAULT, check=True)
    labctl.run("upgrade", "--to", DEFAULT, check=True, timeout=240)
    assert labctl.json("status")["kafka_version"] == DEFAULT
    assert_whole(labctl)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_killed_change_of_the_quorum_goes_on(request, runtime):
    """Repeated, the same command ends what it began, and adds no second controller."""
    labctl = lab(request, runtime, "brokers: 1, controllers: 3, quorum: dynamic")
    for after in MOMENTS:
        kill_in(labctl, after, "controller", "add")
    added = labctl.json("controller", "add")
    voters = added["quorum"]["voters"]
    assert all(voter["caught_up"] for voter in voters), added
    for after in MOMENTS:
        kill_in(labctl, after, "controller", "remove", added["node"])
    labctl.run("controller", "remove", added["node"])  # exit code 2 where the last kill came too late
    assert added["node"] not in {node["name"] for node in labctl.json("status")["nodes"]}
    assert_whole(labctl)
    labctl.run("check", check=True)
