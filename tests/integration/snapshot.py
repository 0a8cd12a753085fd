"""What runs and exists on this machine, as the system and the engine report it. Does not import labctl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Snapshot:
    """What a lab could leave behind: processes, listening TCP sockets, files below some folders, Docker objects."""

    processes: frozenset
    sockets: frozenset
    files: frozenset
    engine: frozenset = frozenset()

    def new_since(self, before):
        """Return what this snapshot has and `before` has not: {kind: things}."""
        return {
            name: sorted(getattr(self, name) - getattr(before, name), key=str)
            for name in ("processes", "sockets", "files", "engine")
            if getattr(self, name) - getattr(before, name)
        }


NOTHING = Snapshot(frozenset(), frozenset(), frozenset())


def take(*folders, within=None, engine=False):
    """Return a snapshot with the files below `folders`; with `engine` its containers, networks and volumes too.

    `within` leaves out what other users of this machine do meanwhile: only processes that have this folder in an
    argument or in their environment count, and their sockets.
    """
    files = {str(path) for folder in folders for path in Path(folder).rglob("*")}
    objects = frozenset(_objects()) if engine else frozenset()
    processes = frozenset(_processes(within))
    pids = None if within is None else {pid for pid, _started, _command in processes}
    return Snapshot(processes, frozenset(_sockets(pids)), frozenset(files), objects)


def _objects():
    for kind, options in {"container": ["--all"], "network": [], "volume": []}.items():
        names = "{{.Names}}" if kind == "container" else "{{.Name}}"
        command = ["docker", kind, "ls", *options, "--format", names]
        output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        yield from (f"{kind} {name}" for name in output.split())


def _processes(within):
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
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and (pids is None or connection.pid in pids):
            yield connection.laddr.ip, connection.laddr.port
