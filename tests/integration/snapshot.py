"""What is on this machine, by the system's and the engine's own account. Doesn't import labctl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Snapshot:
    """What a lab could have left: its programs, every listening TCP socket, files below some folders, and what the
    Docker Engine has."""

    processes: frozenset
    sockets: frozenset
    files: frozenset
    engine: frozenset = frozenset()

    def new_since(self, before):
        """What is there now and was not then."""
        return {
            name: sorted(getattr(self, name) - getattr(before, name), key=str)
            for name in ("processes", "sockets", "files", "engine")
            if getattr(self, name) - getattr(before, name)
        }


NOTHING = Snapshot(frozenset(), frozenset(), frozenset())


def take(*folders, within=None, engine=False):
    """A snapshot; of files, those below `folders`; with `engine` its containers, networks and volumes too.

    `within` leaves out what other users of this machine do meanwhile: it counts the programs that know this folder, by
    an argument or by their environment, and their sockets.
    """
    files = {str(path) for folder in folders for path in Path(folder).rglob("*")}
    objects = frozenset(_objects()) if engine else frozenset()
    programs = frozenset(_programs(within))
    pids = None if within is None else {pid for pid, _started, _command in programs}
    return Snapshot(programs, frozenset(_sockets(pids)), frozenset(files), objects)


def _objects():
    for kind, more in {"container": ["--all"], "network": [], "volume": []}.items():
        names = "{{.Names}}" if kind == "container" else "{{.Name}}"
        command = ["docker", kind, "ls", *more, "--format", names]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        yield from (f"{kind} {name}" for name in told.split())


def _programs(within):
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            ended = process.status() == psutil.STATUS_ZOMBIE
            if command and not ended and _counts(process, command, within):
                yield process.pid, process.create_time(), " ".join(command)
        except psutil.Error:
            continue


def _counts(process, command, within):
    if within is None:
        return "java" in command[0] or any("labctl" in part for part in command)
    return any(str(within) in text for text in (*command, *process.environ().values()))


def _sockets(pids):
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and (pids is None or one.pid in pids):
            yield one.laddr.ip, one.laddr.port
