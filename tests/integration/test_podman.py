"""Labs on Podman's service, which Docker's command with Compose uses by its socket."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from labctl.runtime.docker.image import DEFAULT_BASE
from labctl.spec.model import default_spec
from tests.integration.labs import OWN_IMAGE, compose_lab, lab_yaml, make_labctl
from tests.integration.own_podman import missing_of_podman, own_podman
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.podman, pytest.mark.timeout(400)]
NEWEST = default_spec().kafka.version


@pytest.fixture(scope="module")
def podman(prepared, tmp_path_factory):
    """A Podman service with the project's image, which labctl built there.

    Tests are skipped where there is no Podman, or fail where LABCTL_REQUIRE_PODMAN=1 requires one.
    """
    missing = missing_of_podman()
    assert not missing or os.environ.get("LABCTL_REQUIRE_PODMAN") != "1", missing
    if missing:
        pytest.skip(missing)
    with own_podman() as service:
        base = ["docker", "image", "inspect", DEFAULT_BASE]
        if not subprocess.run(base, capture_output=True, timeout=30, check=False).returncode:
            service.load(DEFAULT_BASE)  # else Podman pulls it
        builder = make_labctl(tmp_path_factory.mktemp("image"))
        builder.env |= service.env
        with something_listens_on(9092, 9093, 9094):  # Podman builds on this machine's network
            builder.run("image", "build", timeout=380, check=True)
        yield service


@contextlib.contextmanager
def something_listens_on(*ports):
    """Listen on ports of 127.0.0.1, where nothing listens already."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            listener = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                listener.listen()
        yield


@pytest.fixture
def labctl(tmp_path, podman):
    """A fresh labctl that uses Podman. After the test its labs have left nothing there."""
    labctl = make_labctl(tmp_path / "labctl")
    labctl.env |= podman.env
    yield labctl
    labctl.end_started()
    labctl.run("down", "--all", check=True)
    assert podman.names() == set()


def test_auto_finds_podman(labctl, podman):
    """The runtime's reason, the report and `doctor` have its own name. Every check passes; `down` leaves nothing."""
    version = json.loads(podman.docker("version", "--format", "{{json .Server.Version}}"))
    labctl.spec(compose_lab("auto").replace("runtime: compose", "runtime: auto").replace("quick", "full"))
    up = labctl.run("up", check=True)
    assert f"runtime compose, auto: Podman {version} responds and has {OWN_IMAGE}:" in up.stderr
    report = json.loads(labctl.run("report", "--format", "json", check=True).stdout)
    assert report["versions"]["Podman"] == version
    assert "Docker Engine" not in report["versions"]
    assert f"Podman {version} responds" in labctl.run("doctor").stdout
    assert "start_interval" not in next(labctl.folder.rglob("docker-compose.yml")).read_text()
    removed = labctl.run("down", check=True).stderr
    assert "container auto-broker, volume labctl-auto_broker-data, network labctl-auto" in removed


def test_a_lab_on_podman_from_up_to_down(labctl):
    """Kafka's tools, the log, the memory; `stop` and `up` keep the records; a running lab is checked again."""
    labctl.spec(compose_lab("whole"))
    labctl.run("up", check=True)
    (node,) = labctl.json("status")["nodes"]
    assert node["state"] == "running"
    assert node["memory"] > 100 << 20
    assert "orders" in labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout.split()
    assert labctl.run("exec", "broker", "--", "cat", input="typed\n", check=True).stdout == "typed\n"
    assert "Kafka" in labctl.run("logs", check=True).stdout
    producer = ("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    labctl.tool(*producer, input="kept\n")
    labctl.run("stop", check=True)
    assert labctl.json("status")["state"] == "stopped"
    labctl.run("up", check=True)
    consumer = ("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    read = labctl.tool(*consumer, "--from-beginning", "--max-messages", "4", "--timeout-ms", "20000")
    assert "kept" in read.stdout.splitlines()
    assert labctl.run("up", check=True).stderr.count("ready, verified") == 1


def test_a_running_container_is_examined(labctl):
    """`check --container` looks from this machine, from inside the container, and from another one beside it."""
    labctl.spec(compose_lab("foreign"))
    labctl.run("up", "--checks", "none", check=True)
    address = labctl.json("status")["endpoints"]["external"]
    found = labctl.run("check", "topics", "--bootstrap", address, "--container", "foreign-broker", check=True).stderr
    assert re.search(r"✓ localhost:9092 from container foreign-broker", found), found
    assert re.search(r"✓ broker:9092 from another container on labctl-foreign", found), found


@pytest.mark.parametrize("preset", ["cluster", "secure"])
def test_a_preset_on_podman(labctl, preset):
    """All checks of a cluster and of a secure lab pass, `replication` and `security` among them."""
    labctl.spec(lab_yaml(preset).replace("kafka:\n", f"kafka:\n  image: {OWN_IMAGE}\n"))
    assert "ready, verified" in labctl.run("up", "--runtime", "compose", check=True, timeout=200).stderr


@pytest.mark.parametrize("step", ["✓ prepare", "✓ start", "✓ ready"])
def test_down_after_a_killed_up(labctl, podman, step):
    """Whatever `up` had created on Podman when it was killed, `down` removes."""
    labctl.spec(compose_lab("killed"))
    up = labctl.start("up")
    assert any(step in line for line in up.stderr), step
    up.send_signal(signal.SIGKILL)
    labctl.run("down", check=True)
    assert podman.names() == set()
    assert labctl.json("ls") == []


def test_a_container_that_podman_ended(labctl, podman):
    """`status` has its exit code, and the next `up` starts it again."""
    labctl.spec(compose_lab("ends"))
    labctl.run("up", "--checks", "none", check=True)
    podman.docker("kill", "ends-broker")
    wait_for(lambda: labctl.json("status")["state"] == "stopped")
    (node,) = labctl.json("status")["nodes"]
    assert "137" in node["detail"]
    labctl.run("up", check=True)


def test_a_container_of_somebody_else(labctl, podman):
    """One with the lab's name is refused by name, and stays."""
    podman.docker("create", "--name", "strange-broker", f"{OWN_IMAGE}:{NEWEST}", "true")
    labctl.spec(compose_lab("strange"))
    refused = labctl.run("up")
    assert refused.returncode == 3
    assert "there is already a container strange-broker, created by somebody else" in refused.stderr
    podman.docker("rm", "--volumes", "strange-broker")


def test_a_network_that_somebody_else_uses(labctl, podman):
    """`down` names the container, and ends with exit code 3. Without that container it removes the network."""
    labctl.spec(compose_lab("held"))
    labctl.run("up", "--checks", "none", check=True)
    other = ["--detach", "--name", "other", "--network", "labctl-held", f"{OWN_IMAGE}:{NEWEST}", "sleep", "600"]
    podman.docker("run", *other)
    refused = labctl.run("down")
    assert refused.returncode == 3
    assert "the lab's network labctl-held is in use by other, not of this lab" in refused.stderr
    podman.docker("rm", "--force", "--volumes", "other")
    labctl.run("down", check=True)
