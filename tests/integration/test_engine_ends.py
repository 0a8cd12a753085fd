"""A separate engine that stops, is slow or restarts while labctl uses it."""

import signal
import time

import pytest

from tests.integration.labs import compose_lab, make_labctl
from tests.integration.polling import require_lasting, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(200)]

STEPS = {"prepare": "start", "start": "ready", "ready": "topics", "topics": "checks"}  # the step that runs after each
SERVER = ("--bootstrap-server", "broker:9092")


@pytest.fixture
def other_labctl(tmp_path, other_engine):
    """A fresh labctl that uses the separate engine. After the test its labs have left nothing there."""
    labctl = make_labctl(tmp_path / "labctl")
    labctl.env["DOCKER_HOST"], labctl.around = other_engine.host, other_engine.around
    yield labctl
    labctl.end_started()
    labctl.run("down", "--all", check=True)
    assert other_engine.names() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("done", STEPS)
def test_an_engine_that_stops_during_up(other_labctl, other_engine, done, number):
    """`up` fails in time and reports it with a remedy. Once the engine runs again, `down` leaves nothing."""
    other_labctl.spec(compose_lab("cut").replace("checks: quick", "checks: full"))
    up = other_labctl.start("up")
    assert any(f"✓ {done}" in line for line in up.stderr)
    other_engine.stop(number)
    try:
        _out, err = up.communicate(timeout=150)
    finally:
        other_engine.start()
    assert up.returncode in ({1} if done == "topics" else {3, 4}), err
    assert "no Docker Engine responds" in err, err
    assert "try: start it (sudo systemctl start docker" in err
    assert "Traceback" not in err
    (listed,) = other_labctl.json("ls")
    assert listed["state"] in {"incomplete", "stopped", "running"}
    other_labctl.run("down", check=True)
    assert other_engine.names() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_up_again_after_the_engine_was_restarted(other_labctl, other_engine, number):
    """`up` resumes the lab: the checks pass, and the cluster id and an earlier record are kept."""
    other_labctl.spec(compose_lab("resumed"))
    other_labctl.run("up", check=True)
    cluster = other_labctl.tool("kafka-cluster.sh", "cluster-id", *SERVER).stdout
    assert cluster.startswith("Cluster ID: ")
    other_labctl.tool("kafka-console-producer.sh", "--topic", "orders", *SERVER, input="kept\n")
    other_engine.restart(number)
    assert other_labctl.json("status")["state"] == "stopped"
    up = other_labctl.json("up")
    assert (up["status"], {check["status"] for check in up["checks"]}) == ("passed", {"passed"})
    assert other_labctl.tool("kafka-cluster.sh", "cluster-id", *SERVER).stdout == cluster
    consumer = ("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *SERVER)
    read = other_labctl.tool(*consumer, "--max-messages", "4", "--timeout-ms", "20000").stdout.splitlines()
    assert "kept" in read


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("after", [0.1, 0.3, 1.0, 2.0])
def test_down_removes_what_a_slow_engine_creates_late(other_labctl, other_engine, number, after):
    """`down` also removes what the slow engine creates after labctl has ended, and nothing appears later."""
    other_labctl.spec(compose_lab("slow"))
    with other_engine.slow(0.05):
        up = other_labctl.start("up")
        assert any("✓ prepare" in line for line in up.stderr)
        time.sleep(after)
        up.send_signal(number)
        up.communicate(timeout=60)
        other_labctl.run("down", check=True)
        require_lasting(lambda: other_engine.names() == set(), 4)


def test_down_while_an_engine_still_works(other_labctl, other_engine):
    """`down` times out and names what still runs. It keeps the lab, so that a later `down` removes everything."""
    other_labctl.spec(compose_lab("slow"))
    with other_engine.slow(0.5):
        up = other_labctl.start("up")
        assert any("✓ prepare" in line for line in up.stderr)
        time.sleep(0.3)
        up.kill()
        up.communicate(timeout=20)
        down = other_labctl.run("down")
    assert down.returncode == 4
    assert "an earlier one still works on this lab (pid" in down.stderr
    assert "then run labctl down again" in down.stderr
    wait_for(lambda: other_labctl.run("down").returncode == 0)
    require_lasting(lambda: other_engine.names() == set(), 2)
