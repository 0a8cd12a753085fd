"""Processes that labctl started, identified by pid *and* start time: a pid that is used again is another process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from labctl.system.files import write_whole

# Arguments of a lab's processes, of a node, of the page, of the proxy and of a service, followed by the lab's state
# folder: by them `down` finds what a killed labctl left running.
NODE_ARGUMENT, PAGE_ARGUMENT, PROXY_ARGUMENT = "-Dlabctl.lab=", "labctl.page=", "labctl.proxy="
SERVICE_ARGUMENT = "-Dlabctl.service.{name}="
LAB_ARGUMENT = re.compile(r"(?:-Dlabctl\.(?:lab|service\.[a-z-]+)|labctl\.(?:page|proxy))=(.*)", re.DOTALL)
SAME_START = 0.02  # seconds; two processes with the same pid start further apart than this
PAUSE = 0.005  # seconds between two checks


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its pid, its start time (see `_start_time`), and the boot id of the machine ("": not known)."""

    pid: int
    started: float
    boot: str = ""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the process that has `pid` now, or None where none runs (a zombie does not)."""
        try:
            process = psutil.Process(pid)
            return cls(pid, _start_time(process), boot_id()) if _runs(process) else None
        except psutil.Error:
            return None

    def is_same(self, other: ProcessId) -> bool:
        """Return whether both are the same process."""
        started = abs(self.started - other.started) <= SAME_START
        return (self.pid, self.boot) == (other.pid, other.boot) and started

    def process(self) -> psutil.Process | None:
        """Return the process if it still runs, else None."""
        now = ProcessId.of(self.pid)
        if now is None or not self.is_same(now):
            return None
        try:
            return psutil.Process(self.pid)
        except psutil.Error:
            return None

    def save(self, path: Path) -> None:
        """Write to `path` in one rename. Raises OSError."""
        write_whole(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> ProcessId | None:
        """Return what `save` wrote to `path`, or None where that can't be read."""
        try:
            values = json.loads(path.read_text())
            return cls(int(values["pid"]), float(values["started"]), str(values["boot"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _start_time(process: psutil.Process) -> float:
    """Seconds since the machine's start on Linux, whose clock may be set meanwhile; elsewhere since 1970."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_bytes()
    except OSError:
        return float(process.create_time())
    # proc(5): the 22nd field, in ticks; the 2nd is the name in brackets, and may hold anything
    return int(stat.rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


@cache
def boot_id() -> str:
    """Return the boot id of the machine, which Linux has; "" elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def state_of(command: Sequence[str]) -> Path | None:
    """Return the state folder of the lab to which the process with this command line belongs, or None."""
    found = next(filter(None, map(LAB_ARGUMENT.fullmatch, command)), None)
    return Path(found[1]) if found else None


def labs_below(folder: str) -> set[str]:
    """Return the names of the labs with a state folder directly below `folder` that have processes of this user."""
    states = {state_of(command) for _process, command in _own()}
    return {state.name for state in states if state and str(state.parent) == folder}


def _own() -> Iterator[tuple[psutil.Process, list[str]]]:
    """This user's processes on this machine, with their command lines.

    Not those in containers: there the same path is another folder, and the same number another user.
    """
    here = _namespace(os.getpid())
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline() if process.uids().real == os.getuid() else []
            if command and _namespace(process.pid) in {here, None}:
                yield process, command


def _namespace(pid: int) -> Path | None:
    """The namespace of pids in which a process is; None where the system has none, or it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/pid").readlink()
    return None


def of_lab(state: str) -> list[psutil.Process]:
    """Return the processes of the lab with the state folder `state`: nodes, tools, page, proxy, services."""
    return [process for process, command in _own() if state_of(command) == Path(state)]


def servers_of_lab(state: str) -> list[psutil.Process]:
    """Return the processes of the lab that serve others, nodes, page, proxy and services, without tools."""
    node = f"{NODE_ARGUMENT}{state}"
    return [
        process
        for process, command in _own()
        if state_of(command) == Path(state) and (node not in command or command[-1].endswith("server.properties"))
    ]


def nodes_of_lab(state: str) -> list[psutil.Process]:
    """Return the JVMs of the lab with the state folder `state`: nodes and tools."""
    return with_argument(f"{NODE_ARGUMENT}{state}")


def with_argument(*arguments: str) -> list[psutil.Process]:
    """Return this user's processes that have exactly one of these arguments, those of a killed labctl too."""
    return [process for process, command in _own() if not set(arguments).isdisjoint(command)]


def with_environment(name: str, value: str) -> list[psutil.Process]:
    """Return this user's processes that have `name`=`value` in their environment, without this process."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.pid == os.getpid() or process.uids().real != os.getuid()
            if not mine and process.environ().get(name) == value:
                found.append(process)
    return found


def kill(processes: list[psutil.Process], seconds: float = 5) -> None:
    """Kill the processes, and wait until they are gone, `seconds` at most."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait(processes, seconds)


def terminate(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Send SIGTERM, wait `seconds` at most, and return the processes that still run."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    return wait(processes, seconds)


def suspend(processes: list[psutil.Process], seconds: float = 5) -> None:
    """Freeze the processes: they exist, and do nothing until `resume`. Wait until they do, `seconds` at most.

    A process has stopped when each of its threads has.
    """
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    give_up = time.monotonic() + seconds
    while any(_runs(process) and not _is_stopped(process) for process in processes) and time.monotonic() < give_up:
        time.sleep(PAUSE)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def resume(processes: list[psutil.Process]) -> None:
    """Let the processes work again."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.resume()


def wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, `seconds` at most, and return the processes that still run."""
    give_up = time.monotonic() + seconds
    alive = [process for process in processes if _runs(process)]
    while alive and time.monotonic() < give_up:
        time.sleep(PAUSE)
        alive = [process for process in alive if _runs(process)]
    return alive


def _runs(process: psutil.Process) -> bool:
    """A zombie has ended, except where its other threads are still ending: they hold its sockets."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return bool(process.num_threads() > 1)
        return bool(process.is_running())
    except psutil.Error:
        return False
