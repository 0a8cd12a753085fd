"""`labctl run`, a lab for one command, and `labctl gc`, which removes orphaned labs."""

import json
import os
import signal
import sys

import psutil
import pytest

from tests.integration.polling import wait_for

pytestmark = pytest.mark.local

LAB = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
NO_ORPHANS = "there are no orphaned labs: nothing to remove\n"
READ = """
import os, sys
from kafka import KafkaConsumer
consumer = KafkaConsumer("orders", bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
                         auto_offset_reset="earliest", consumer_timeout_ms=5000)
print("read:", next(consumer).value)
sys.exit(7)
"""


def test_a_command_gets_a_lab_and_its_exit_code_is_returned(labctl):
    """The command finds the lab by an environment variable. The lab is removed and the report is kept."""
    labctl.spec(LAB)
    done = labctl.run("run", "--checks", "quick", "--", sys.executable, "-c", READ)
    assert done.returncode == 7, done.stderr
    assert "read: b'" in done.stdout
    assert labctl.json("ls") == []
    assert (labctl.folder / ".labctl/homework/report.xml").is_file()


def test_a_command_that_can_t_be_run(labctl):
    """`run` exits with 2 and removes the lab."""
    labctl.spec(LAB)
    done = labctl.run("run", "--", "no-such-program")
    assert done.returncode == 2
    assert "no-such-program can't be run here" in done.stderr
    assert labctl.json("ls") == []


def test_an_existing_lab_is_not_used(labctl):
    """`run` exits with 2 and does not affect the existing lab."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    done = labctl.run("run", "--", "true")
    assert done.returncode == 2
    assert "`run` removes its own lab at the end" in done.stderr
    assert labctl.json("status")["state"] == "running"


def test_a_failed_lab_starts_no_command(labctl):
    """`run` exits with the code of the failed lab, does not start the command, and leaves nothing."""
    labctl.spec(LAB + "kafka: {config: {log.retention.hours: soon}}\n")
    done = labctl.run("run", "--", "touch", "started")
    assert done.returncode == 4
    assert not (labctl.folder / "started").exists()
    assert labctl.json("ls") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command(labctl, number):
    """The command handles the signal, then `run` removes the lab and returns the command's exit code."""
    labctl.spec(LAB)
    script = 'trap "echo trapped; exit 5" INT TERM; touch ready; while :; do sleep 0.1; done'
    process = labctl.start("run", "--", "bash", "-c", script)
    wait_for((labctl.folder / "ready").exists)
    if number == signal.SIGINT:  # a terminal sends it to both processes
        for child in psutil.Process(process.pid).children():
            if child.name() == "bash":
                child.send_signal(number)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "trapped" in out
    assert process.returncode == 5, err
    assert labctl.json("ls") == []


def test_gc_removes_what_a_killed_run_left(labctl):
    """`gc` removes the lab of a killed `run`, and no lab that `up` created."""
    labctl.spec(LAB)
    process = labctl.start("run", "--name", "orphan", "--", "sleep", "600")
    children = psutil.Process(process.pid).children
    sleeping = wait_for(lambda: [child for child in children() if child.name() == "sleep"])
    labctl.run("up", check=True)
    assert labctl.run("gc", check=True).stderr == NO_ORPHANS
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for child in sleeping:
        child.kill()
    assert "orphan: removed node broker" in labctl.run("gc", check=True).stderr
    assert [lab["name"] for lab in labctl.json("ls")] == ["homework"]
    assert labctl.run("gc", "--older-than", "1h", check=True).stderr == NO_ORPHANS
    assert "homework: removed" in labctl.run("gc", "--older-than", "0s", check=True).stderr
    assert labctl.run("gc", "--older-than", "soon").returncode == 2


def test_a_run_replaces_the_lab_of_a_killed_one(labctl):
    """A second `run` with the same name works immediately."""
    labctl.spec(LAB)
    process = labctl.start("run", "--", "sleep", "5")
    wait_for((labctl.state / "labs/homework/lab.json").exists)
    process.kill()
    process.wait()
    assert json.loads(labctl.run("run", "--", "echo", "1", check=True).stdout) == 1
