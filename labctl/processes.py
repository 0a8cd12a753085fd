"""Processes that labctl made: known by pid *and* start time, so that a pid used again is never taken for ours."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from labctl.files import write_whole

# arguments of a lab's processes, a node's and its page's, with the lab's state folder behind it
NODE_MARK, PAGE_MARK = "-Dlabctl.lab=", "labctl.page="
SAME_START = 0.02  # seconds; two processes with one pid are further apart than this
PAUSE = 0.005  # seconds between two looks


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its pid, when it started (see `_started`), in which run of the machine ("": not known)."""

    pid: int
    started: float
    boot: str = ""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process `pid` as it runs now, or None where there is none (a zombie is none)."""
        try:
            process = psutil.Process(pid)
            return cls(pid, _started(process), boot_id()) if _runs(process) else None
        except psutil.Error:
            return None

    def is_same(self, other: ProcessId) -> bool:
        """Whether both name one process."""
        started = abs(self.started - other.started) <= SAME_START
        return (self.pid, self.boot) == (other.pid, other.boot) and started

    def process(self) -> psutil.Process | None:
        """The living process that this names, or None."""
        now = ProcessId.of(self.pid)
        if now is None or not self.is_same(now):
            return None
        try:
            return psutil.Process(self.pid)
        except psutil.Error:
            return None

    def save(self, path: Path) -> None:
        """Write to `path` in one rename."""
        write_whole(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> ProcessId | None:
        """Read what `save` wrote, or None where there is nothing whole."""
        try:
            values = json.loads(path.read_text())
            return cls(int(values["pid"]), float(values["started"]), str(values["boot"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _started(process: psutil.Process) -> float:
    """Seconds from the machine's start on Linux, whose clock may be set meanwhile; elsewhere since 1970."""
    try:
        told = Path(f"/proc/{process.pid}/stat").read_bytes()
    except OSError:
        return float(process.create_time())
    # proc(5): the 22nd field, in ticks; the 2nd is the name in brackets, and may hold anything
    return int(told.rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


@cache
def boot_id() -> str:
    """Which run of the machine this is, as Linux names it; "" elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def lab_of(command: Sequence[str]) -> str | None:
    """The name of the lab that the process with this command line belongs to, or None."""
    for argument in command:
        for mark in (NODE_MARK, PAGE_MARK):
            if argument.startswith(mark):
                return Path(argument.removeprefix(mark)).name
    return None


def with_argument(argument: str) -> list[psutil.Process]:
    """This user's processes that were started with exactly `argument`: also those that a killed labctl left behind."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid() and argument in process.cmdline():
                found.append(process)
    return found


def with_environment(name: str, value: str) -> list[psutil.Process]:
    """This user's processes that were started with `name`=`value` in their environment, this one apart."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.pid == os.getpid() or process.uids().real != os.getuid()
            if not mine and process.environ().get(name) == value:
                found.append(process)
    return found


def kill(processes: list[psutil.Process], seconds: float = 5) -> None:
    """Kill and wait until they are gone, `seconds` at most."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait(processes, seconds)


def terminate(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Ask to end (SIGTERM), wait `seconds` at most; those that still run."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    return wait(processes, seconds)


def wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run when all have ended or `seconds` are over."""
    give_up = time.monotonic() + seconds
    alive = [one for one in processes if _runs(one)]
    while alive and time.monotonic() < give_up:
        time.sleep(PAUSE)
        alive = [one for one in alive if _runs(one)]
    return alive


def _runs(process: psutil.Process) -> bool:
    """A zombie has ended, but for one whose other threads still end: they hold its sockets."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return bool(process.num_threads() > 1)
        return bool(process.is_running())
    except psutil.Error:
        return False
