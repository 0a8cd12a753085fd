"""Nodes that somebody else ends: one `up` brings the lab back, in both runtimes."""

import json
import subprocess
import time

import psutil
import pytest

from tests.integration.docker_command import docker
from tests.integration.labs import compose_lab
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.timeout(240)]

LOCAL = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n"
MOMENTS = (0.0, 0.3, 0.8)  # seconds from the signal to `up`: Kafka needs about one to end


def pid_of(labctl, node):
    """Return the pid of a local node."""
    (path,) = labctl.state.glob(f"labs/*/nodes/{node}/pid.json")
    return json.loads(path.read_text())["pid"]


@pytest.mark.local
@pytest.mark.parametrize("moment", MOMENTS)
def test_up_while_a_local_node_is_ending(labctl, moment):
    """`up` waits until the node has ended, starts it, and says so; the lab is verified."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True)
    psutil.Process(pid_of(labctl, "broker")).terminate()
    time.sleep(moment)
    done = labctl.run("up", check=True)
    assert "verified" in done.stderr
    assert labctl.json("status")["state"] == "running"


@pytest.mark.docker
@pytest.mark.parametrize("moment", MOMENTS)
def test_up_while_a_container_is_ending(engine_labctl, moment):
    """The same with `docker stop`."""
    engine_labctl.spec(compose_lab("ending"))
    engine_labctl.run("up", check=True)
    with subprocess.Popen(["docker", "stop", "ending-broker"], stdout=subprocess.DEVNULL) as stop:
        time.sleep(moment)
        done = engine_labctl.run("up", check=True)
        stop.wait(30)
    assert "verified" in done.stderr
    assert engine_labctl.json("status")["state"] == "running"


@pytest.mark.local
def test_a_node_that_ends_during_up_is_started_once(labctl):
    """A node that `up` found running ends while `up` checks: it is started again, and the lab is verified."""
    labctl.spec(LOCAL.replace("quick", "full"))
    labctl.run("up", check=True)
    up = labctl.start("up")
    wait_for(lambda: any("✓ topics" in line for line in up.stderr))
    psutil.Process(pid_of(labctl, "broker")).kill()
    _out, err = up.communicate(timeout=120)
    assert up.returncode == 0, err
    assert "node broker ended just now: starting it again" in err


@pytest.mark.local
def test_a_killed_broker_need_not_wait_for_the_end_of_its_session(labctl):
    """`up` makes the controller forget it, whoever leads the quorum: no registration is refused as a duplicate."""
    labctl.spec(LOCAL.replace("quick", "none") + "kafka: {brokers: 3}\n")
    labctl.run("up", check=True)
    for node in ("broker-1", "broker-2", "broker-3"):
        psutil.Process(pid_of(labctl, node)).kill()
        labctl.run("up", check=True)
        assert labctl.json("status")["quorum"]["leader"] in {1, 2, 3}
    logs = "".join(labctl.run("logs", node).stdout for node in ("broker-1", "broker-2", "broker-3"))
    assert "DUPLICATE_BROKER_REGISTRATION" not in logs
    assert "DuplicateBrokerRegistration" not in logs
    labctl.run("check", "quorum", "topics", check=True)


@pytest.mark.docker
def test_a_killed_container_need_not_wait_either(engine_labctl):
    """The same in Docker, with a writer's topic in full ISR afterwards."""
    engine_labctl.spec(compose_lab("ended", ", brokers: 3"))
    engine_labctl.run("up", check=True)
    for node in ("broker-1", "broker-2", "broker-3"):
        docker("kill", f"ended-{node}")
        engine_labctl.run("up", check=True)
    logs = "".join(engine_labctl.run("logs", node).stdout for node in ("broker-1", "broker-2", "broker-3"))
    assert "DuplicateBrokerRegistration" not in logs
    assert engine_labctl.json("status")["state"] == "running"


@pytest.mark.local
@pytest.mark.parametrize("how", ["removed", "cut off"])
def test_a_lost_record_is_restored_from_its_copy(labctl, how):
    """Every command says so once, and works."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True)
    (record,) = labctl.state.glob("labs/*/lab.json")
    text = record.read_text()
    for command in (["ls"], ["status"], ["up"], ["reset"], ["stop"], ["down"]):
        if how == "removed":
            record.unlink(missing_ok=True)
        else:
            record.write_text(text[:40])
        done = labctl.run(*command, check=True)
        what = "it is restored from its copy" if command == ["up"] else "its copy is used"
        assert what in done.stderr, command


@pytest.mark.local
def test_nodes_of_a_state_folder_that_was_removed(labctl):
    """They are known by their mark: no command takes them for a lab that works, and `down` ends them."""
    labctl.spec(LOCAL)
    labctl.run("up", check=True)
    pid = pid_of(labctl, "broker")
    labctl.state.rename(labctl.state.with_name("gone"))
    lost = f"lab.json of the lab homework is lost or can't be read, and its processes run (pid {pid})"
    for command, code in (("ls", 0), ("status", 3), ("up", 3)):
        done = labctl.run(command)
        assert done.returncode == code, command
        assert lost in done.stderr, command
    assert "homework" in labctl.run("ls").stdout
    assert str(pid) in labctl.run("down", check=True).stderr
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    labctl.run("up", "--checks", "none", check=True)


@pytest.mark.docker
def test_containers_of_a_state_folder_that_was_removed(engine_labctl):
    """They are known by the file that Compose started them from, and labctl says how to remove them."""
    engine_labctl.spec(compose_lab("lost"))
    engine_labctl.run("up", "--checks", "none", check=True)
    engine_labctl.state.rename(engine_labctl.state.with_name("gone"))
    for command, code in (("ls", 0), ("status", 3), ("up", 3)):
        done = engine_labctl.run(command)
        assert done.returncode == code, command
        assert "lab.json of the lab lost is lost or can't be read, and its container" in done.stderr, command
    other = {"XDG_STATE_HOME": f"{engine_labctl.folder}/other"}
    assert "lost" not in engine_labctl.run("ls", env=other, check=True).stdout
    assert "there is no lab lost" in engine_labctl.run("down", env=other, check=True).stderr
    refused = engine_labctl.run("down")
    assert refused.returncode == 3
    commands = refused.stderr.partition("if they are yours, remove them: ")[2]
    assert commands.startswith("docker rm -f -v lost-broker; docker volume rm")
    subprocess.run(["sh", "-c", commands], check=True, capture_output=True)
    for kind in ("ps --all", "volume ls", "network ls"):
        assert "lost" not in docker(*kind.split()), kind
    assert "there is no lab lost" in engine_labctl.run("down", check=True).stderr


@pytest.mark.docker
def test_containers_that_change_their_addresses(engine_labctl):
    """A node that kept running finds them again: with the address of the other it would ask the wrong one for ever."""
    engine_labctl.spec(compose_lab("moved", ", brokers: 3"))
    engine_labctl.run("up", "--checks", "none", check=True)
    leader = engine_labctl.json("status")["quorum"]["leader"]
    first, second = f"moved-broker-{leader}", f"moved-broker-{leader % 3 + 1}"
    before = addresses(first, second)
    docker("kill", first, second)
    for container in sorted((first, second), key=before.get, reverse=True):
        docker("start", container)
    assert addresses(first, second) == {first: before[second], second: before[first]}
    engine_labctl.run("up", "--checks", "none", check=True)
    engine_labctl.run("check", "quorum", "topics", check=True)


def addresses(*containers):
    """Return {container: its address inside Docker}."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return {name: docker("inspect", "--format", form, name).strip() for name in containers}
