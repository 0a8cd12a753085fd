import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import psutil
import pytest

from labctl.system.processes import ProcessId, kill, state_of, with_argument


def test_a_process_of_a_lab_is_known_by_its_command_line():
    """The command lines of a node's JVM and of a page name the lab's state folder; others do not."""
    assert state_of(["java", "-Dlabctl.lab=/state/labs/one two", "kafka.Kafka"]) == Path("/state/labs/one two")
    assert state_of(["python", "-m", "labctl.page", "5", "labctl.page=/state/labs/mine"]) == Path("/state/labs/mine")
    assert state_of(["vi", "labctl.page"]) is None


def test_a_process_is_known_by_pid_and_start():
    """This process is found again; the same pid with another start time is another process."""
    me = ProcessId.of(os.getpid())
    assert me is not None
    assert me.process().pid == os.getpid()
    assert replace(me, started=me.started - 60).process() is None
    assert replace(me, boot="another run of the machine").process() is None


@pytest.mark.skipif(platform.system() != "Linux", reason="Linux counts from the machine's start")
def test_setting_the_clock_does_not_change_a_process_s_identity(monkeypatch):
    """A process is identified by the time since boot, not by the clock."""
    me = ProcessId.of(os.getpid())
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: me.started + 60)
    assert me.process().pid == os.getpid()
    assert 0 < me.started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_pid_file_is_read_back(tmp_path):
    """An incomplete file and a missing file are None."""
    me = ProcessId.of(os.getpid())
    me.save(tmp_path / "pid.json")
    assert ProcessId.load(tmp_path / "pid.json") == me
    (tmp_path / "pid.json").write_text('{"pid": ')
    assert ProcessId.load(tmp_path / "pid.json") is None
    assert ProcessId.load(tmp_path / "nothing.json") is None


class Ending:
    """A killed process of three threads: it is a zombie at once, and each `num_threads` ends another thread."""

    def __init__(self):
        self.threads = 3

    def kill(self):
        """Do nothing: the process is killed already."""

    def status(self):
        return psutil.STATUS_ZOMBIE

    def num_threads(self):
        self.threads -= 1
        return self.threads


def test_a_killed_process_is_gone_when_its_last_thread_is(monkeypatch):
    """Its sockets stay open until then, so `kill` waits for all threads."""
    monkeypatch.setattr("labctl.system.processes.time.sleep", lambda _seconds: None)
    ending = Ending()
    kill([cast("psutil.Process", ending)])
    assert ending.threads == 1


def test_only_the_exact_argument_counts():
    """A process with a path inside a lab's folder in its arguments does not belong to the lab."""
    mine = psutil.Process().cmdline()[-1]
    assert psutil.Process().pid in [process.pid for process in with_argument(mine)]
    assert with_argument(f"{mine}/nodes") == []
