import os
import platform
import time
from dataclasses import replace
from typing import cast

import psutil
import pytest

from labctl.system.processes import ProcessId, kill, lab_of, with_argument


def test_a_process_of_a_lab_is_known_by_its_command_line():
    """A node's JVM and a page name the lab's state folder; others do not."""
    assert lab_of(["java", "-Dlabctl.lab=/state/labs/one two", "kafka.Kafka"]) == "one two"
    assert lab_of(["python", "-m", "labctl.page", "x", "5", "labctl.page=/state/labs/mine"]) == "mine"
    assert lab_of(["vi", "labctl.page"]) is None


def test_a_process_is_known_by_pid_and_start():
    """This process is found again; the same pid with another start is somebody else."""
    me = ProcessId.of(os.getpid())
    assert me is not None
    assert me.process().pid == os.getpid()
    assert replace(me, started=me.started - 60).process() is None
    assert replace(me, boot="another run of the machine").process() is None


@pytest.mark.skipif(platform.system() != "Linux", reason="Linux counts from the machine's start")
def test_a_clock_that_is_set_makes_nobody_another(monkeypatch):
    """A process is told by the system's own count, not by the clock."""
    me = ProcessId.of(os.getpid())
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: me.started + 60)
    assert me.process().pid == os.getpid()
    assert 0 < me.started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_pid_file_survives_and_a_torn_one_is_none(tmp_path):
    """What was saved is loaded; half a file is no process."""
    me = ProcessId.of(os.getpid())
    me.save(tmp_path / "pid.json")
    assert ProcessId.load(tmp_path / "pid.json") == me
    (tmp_path / "pid.json").write_text('{"pid": ')
    assert ProcessId.load(tmp_path / "pid.json") is None
    assert ProcessId.load(tmp_path / "nothing.json") is None


class Ending:
    """A killed process of three threads: the first is a zombie at once, the others end one look later each."""

    def __init__(self):
        self.threads = 3

    def kill(self):
        """It was."""

    def status(self):
        return psutil.STATUS_ZOMBIE

    def num_threads(self):
        self.threads -= 1
        return self.threads


def test_a_killed_process_is_gone_when_its_last_thread_is(monkeypatch):
    """Its sockets are open until then, so `kill` waits for them."""
    monkeypatch.setattr("labctl.system.processes.time.sleep", lambda _seconds: None)
    ending = Ending()
    kill([cast("psutil.Process", ending)])
    assert ending.threads == 1


def test_only_the_very_argument_counts():
    """A process that merely names a lab's folder is not the lab's."""
    mine = psutil.Process().cmdline()[-1]
    assert psutil.Process().pid in [process.pid for process in with_argument(mine)]
    assert with_argument(f"{mine}/nodes") == []
