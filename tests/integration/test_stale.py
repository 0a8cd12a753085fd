"""What a lab's files say and the machine no longer has: after a restart, with a pid used again, without its cache."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys

import platformdirs
import psutil
import pytest

pytestmark = pytest.mark.local

LAB = "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: none\n"


def pid_files(labctl):
    return [*labctl.state.glob("labs/homework/nodes/*/pid.json"), labctl.state / "labs/homework/page/pid.json"]


@contextlib.contextmanager
def without_cache():
    """As if somebody had deleted it: the lab of these tests is the only one."""
    folder = platformdirs.user_cache_path("labctl") / "kafka"
    away = folder.with_name("kafka-away")
    if not away.exists():  # it does where this test was killed
        folder.rename(away)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)


def restarted(labctl, pid=None):
    """As after a restart of the machine: nothing runs, and the files name processes of its last run."""
    for path in pid_files(labctl):
        known = json.loads(path.read_text())
        process = psutil.Process(known["pid"])
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=10)
        path.write_text(json.dumps(known | {"boot": "the last one"} | ({"pid": pid} if pid else {})))


def test_after_a_restart_the_lab_is_stopped_and_comes_up_with_its_data(labctl):
    """`status` and `ls` say so, `up` resumes it."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.tool("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092", input="kept\n")
    restarted(labctl)
    status = labctl.run("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (4, "stopped")
    assert [one["state"] for one in labctl.json("ls")] == ["stopped"]
    refused = labctl.run("check")
    assert refused.returncode == 4
    assert "labctl up starts it" in refused.stderr
    labctl.run("up", check=True)
    consume = ("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    assert "kept" in labctl.tool(*consume, "--from-beginning", "--max-messages", "4").stdout


def test_a_pid_that_is_somebody_else_s_now(labctl):
    """It is neither taken for a node nor ended."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as bystander:
        try:
            restarted(labctl, pid=bystander.pid)
            assert labctl.json("status")["state"] == "stopped"
            labctl.run("down", check=True)
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_cache_that_is_deleted_under_a_running_lab(labctl):
    """The lab lives on, its tools say what is gone and what brings it back, and `down` works."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    with without_cache():
        assert labctl.json("status")["state"] == "running"
        gone = labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092", check=False)
        assert gone.returncode == 3
        assert "labctl cache warm --kafka 4.3.1" in gone.stderr
        checks = {one["name"]: one for one in labctl.json("check", "host-to-console", "consumer-group")["checks"]}
        assert checks["consumer-group"]["status"] == "passed"
        assert "labctl cache warm" in checks["host-to-console"]["detail"]
    assert "orders" in labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout
    with without_cache():
        assert "removed node broker" in labctl.run("down", check=True).stderr
