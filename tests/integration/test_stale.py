"""Files of a lab that no longer fit the machine: after a restart, with a reused pid, without the cache."""

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
    """Hide the cache, as if a user had deleted it."""
    folder = platformdirs.user_cache_path("labctl") / "kafka"
    away = folder.with_name("kafka-away")
    if not away.exists():  # it exists where an earlier run of this test was killed
        folder.rename(away)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)


def restarted(labctl, pid=None):
    """Bring the lab into the state after a restart of the machine: no process runs, and its files name old ones."""
    for path in pid_files(labctl):
        record = json.loads(path.read_text())
        process = psutil.Process(record["pid"])
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=10)
        path.write_text(json.dumps(record | {"boot": "the last one"} | ({"pid": pid} if pid else {})))


def test_after_a_restart_the_lab_is_stopped_and_comes_up_with_its_data(labctl):
    """`status` and `ls` report the lab as stopped, and `up` resumes it with its records."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.tool("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092", input="kept\n")
    restarted(labctl)
    status = labctl.run("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (4, "stopped")
    assert [lab["state"] for lab in labctl.json("ls")] == ["stopped"]
    refused = labctl.run("check")
    assert refused.returncode == 4
    assert "labctl up starts it" in refused.stderr
    labctl.run("up", check=True)
    consume = ("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
    assert "kept" in labctl.tool(*consume, "--from-beginning", "--max-messages", "4").stdout


def test_a_pid_that_another_process_has_now(labctl):
    """A process that has got a node's pid is neither taken for the node nor ended."""
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
    """The lab keeps running, its tools report the missing cache and the remedy, and `down` works."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    with without_cache():
        assert labctl.json("status")["state"] == "running"
        listing = labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092", check=False)
        assert listing.returncode == 3
        assert "labctl cache warm --kafka 4.4.0" in listing.stderr
        checks = {check["name"]: check for check in labctl.json("check", "host-to-console", "consumer-group")["checks"]}
        assert checks["consumer-group"]["status"] == "passed"
        assert "labctl cache warm" in checks["host-to-console"]["detail"]
    assert "orders" in labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout
    with without_cache():
        assert "removed node broker" in labctl.run("down", check=True).stderr
