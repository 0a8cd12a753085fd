"""An engine that ends, freezes and comes back while labctl works with it: one of the tests' own."""

import signal
import time

import pytest

from tests.integration.labs import compose_lab, make_labctl
from tests.integration.polling import require_lasting, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(200)]

STEPS = {"prepare": "start", "start": "ready", "ready": "topics", "topics": "checks"}  # what is at work after each
SERVER = ("--bootstrap-server", "broker:9092")


@pytest.fixture
def there(tmp_path, other_engine):
    """A fresh labctl on that engine; nothing of its labs is left there."""
    one = make_labctl(tmp_path / "labctl")
    one.env["DOCKER_HOST"], one.around = other_engine.host, other_engine.around
    yield one
    one.end_started()
    one.run("down", "--all", check=True)
    assert other_engine.names() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("done", STEPS)
def test_an_engine_that_ends_in_the_middle_of_up(there, other_engine, done, number):
    """Said so, with a remedy, within bounds; once it is back `down` leaves nothing."""
    there.spec(compose_lab("cut").replace("checks: quick", "checks: full"))
    up = there.start("up")
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
    (listed,) = there.json("ls")
    assert listed["state"] in {"half-made", "stopped", "running"}
    there.run("down", check=True)
    assert other_engine.names() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_up_again_after_the_engine_was_restarted(there, other_engine, number):
    """Resumed and verified: the same cluster, an earlier record there."""
    there.spec(compose_lab("resumed"))
    there.run("up", check=True)
    cluster = there.tool("kafka-cluster.sh", "cluster-id", *SERVER).stdout
    assert cluster.startswith("Cluster ID: ")
    there.tool("kafka-console-producer.sh", "--topic", "orders", *SERVER, input="kept\n")
    other_engine.restart(number)
    assert there.json("status")["state"] == "stopped"
    up = there.json("up")
    assert (up["status"], {check["status"] for check in up["checks"]}) == ("passed", {"passed"})
    assert there.tool("kafka-cluster.sh", "cluster-id", *SERVER).stdout == cluster
    consumer = ("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *SERVER)
    read = there.tool(*consumer, "--max-messages", "4", "--timeout-ms", "20000").stdout.splitlines()
    assert "kept" in read


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("after", [0.1, 0.3, 1.0, 2.0])
def test_what_a_slow_engine_makes_after_its_labctl_has_ended(there, other_engine, number, after):
    """A network takes it two seconds: it goes too, and nothing comes later."""
    there.spec(compose_lab("slow"))
    with other_engine.slow(0.05):
        up = there.start("up")
        assert any("✓ prepare" in line for line in up.stderr)
        time.sleep(after)
        up.send_signal(number)
        up.communicate(timeout=60)
        there.run("down", check=True)
        require_lasting(lambda: other_engine.names() == set(), 4)


def test_down_while_an_engine_is_still_at_it(there, other_engine):
    """It waits in bounds, says what is at work, forgets nothing; the next one is done."""
    there.spec(compose_lab("slow"))
    with other_engine.slow(0.5):
        up = there.start("up")
        assert any("✓ prepare" in line for line in up.stderr)
        time.sleep(0.3)
        up.kill()
        up.communicate(timeout=20)
        down = there.run("down")
    assert down.returncode == 4
    assert "an earlier one still works on this lab (pid" in down.stderr
    assert "then run labctl down again" in down.stderr
    wait_for(lambda: there.run("down").returncode == 0)
    require_lasting(lambda: other_engine.names() == set(), 2)
