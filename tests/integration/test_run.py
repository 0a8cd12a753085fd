"""`labctl run`: a lab for one command; and `labctl gc`, for what nobody waits for."""

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
ASKS = """
import os, sys
from kafka import KafkaConsumer
consumer = KafkaConsumer("orders", bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
                         auto_offset_reset="earliest", consumer_timeout_ms=5000)
print("read:", next(consumer).value)
sys.exit(7)
"""


def test_a_command_has_a_lab_and_its_exit_code_comes_back(labctl):
    """It reads the lab's first record by the variable alone; nothing is left, the report is kept."""
    labctl.spec(LAB)
    done = labctl.run("run", "--checks", "quick", "--", sys.executable, "-c", ASKS)
    assert done.returncode == 7, done.stderr
    assert "read: b'" in done.stdout
    assert labctl.json("ls") == []
    assert (labctl.folder / ".labctl/homework/report.xml").is_file()


def test_a_command_that_can_t_be_run(labctl):
    """Exit 2, and the lab is gone."""
    labctl.spec(LAB)
    done = labctl.run("run", "--", "no-such-program")
    assert done.returncode == 2
    assert "no-such-program can't be run here" in done.stderr
    assert labctl.json("ls") == []


def test_a_lab_that_is_there_is_somebody_s(labctl):
    """Exit 2; it stays as it is."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    done = labctl.run("run", "--", "true")
    assert done.returncode == 2
    assert "`run` removes its own lab at the end" in done.stderr
    assert labctl.json("status")["state"] == "running"


def test_a_failed_lab_starts_no_command(labctl):
    """Its own exit code, and nothing is left."""
    labctl.spec(LAB + "kafka: {config: {log.retention.hours: soon}}\n")
    done = labctl.run("run", "--", "touch", "started")
    assert done.returncode == 4
    assert not (labctl.folder / "started").exists()
    assert labctl.json("ls") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command(labctl, number):
    """It ends in its own way; then the lab is taken away."""
    labctl.spec(LAB)
    script = 'trap "echo told; exit 5" INT TERM; touch ready; while :; do sleep 0.1; done'
    process = labctl.start("run", "--", "bash", "-c", script)
    wait_for((labctl.folder / "ready").exists)
    if number == signal.SIGINT:  # a terminal sends it to both
        for child in psutil.Process(process.pid).children():
            if child.name() == "bash":
                child.send_signal(number)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "told" in out
    assert process.returncode == 5, err
    assert labctl.json("ls") == []


def test_gc_takes_away_what_a_killed_run_left(labctl):
    """Its lab, and none that `up` made."""
    labctl.spec(LAB)
    process = labctl.start("run", "--name", "orphan", "--", "sleep", "600")
    children = psutil.Process(process.pid).children
    sleeping = wait_for(lambda: [child for child in children() if child.name() == "sleep"])
    labctl.run("up", check=True)
    assert labctl.run("gc", check=True).stderr == NO_ORPHANS
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for one in sleeping:
        one.kill()
    assert "orphan: removed node broker" in labctl.run("gc", check=True).stderr
    assert [one["name"] for one in labctl.json("ls")] == ["homework"]
    assert labctl.run("gc", "--older-than", "1h", check=True).stderr == NO_ORPHANS
    assert "homework: removed" in labctl.run("gc", "--older-than", "0s", check=True).stderr
    assert labctl.run("gc", "--older-than", "soon").returncode == 2


def test_a_run_again_takes_over_what_a_killed_one_left(labctl):
    """The same name works at once."""
    labctl.spec(LAB)
    process = labctl.start("run", "--", "sleep", "5")
    wait_for((labctl.state / "labs/homework/lab.json").exists)
    process.kill()
    process.wait()
    assert json.loads(labctl.run("run", "--", "echo", "1", check=True).stdout) == 1
