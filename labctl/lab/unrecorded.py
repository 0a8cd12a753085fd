"""Labs whose record is lost: their nodes still run, or their data is there."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from labctl.errors import HostError, LabError
from labctl.runtime.access import containers_below, removal_commands
from labctl.state.store import LabStore
from labctl.system import processes
from labctl.wording import first_few


def all_names(store: LabStore) -> list[str]:
    """Return the names of all labs, incomplete ones too, and those of which only processes are left. Raises HostError.

    Not those of which only containers are left: labctl does not remove them.
    """
    return sorted({*store.names(), *processes.labs_below(str(store.root / "labs"))})


def lost_labs(store: LabStore) -> dict[str, str]:
    """Return {name: what a user reads of it} of the labs without a record that can be read. Raises HostError."""
    containers: dict[str, dict[str, str]] = {}
    with contextlib.suppress(LabError):  # an engine that does not respond in time
        containers = containers_below(store.root / "labs")
    names = sorted({*all_names(store), *containers})
    found = {name: _remains(name, store) or _these(containers.get(name, {})) for name in names if not store.load(name)}
    remedy = "; labctl down --name {} removes it, or says how"
    return {name: _lost(name, what) + remedy.format(name) for name, what in found.items() if what}


def refuse_remains(name: str, store: LabStore) -> None:
    """Raise HostError where there is something of a lab without a record: it can't be used, and is not overwritten.

    Containers are examined by the compose runtime, before it starts any.
    """
    if found := _remains(name, store):
        raise HostError(_lost(name, found), f"labctl down --name {name} removes its nodes and data")


def refuse_containers(name: str, store: LabStore) -> None:
    """Raise HostError where there are containers of a lab without a record. Raises RuntimeFailed."""
    if found := containers_below(store.root / "labs").get(name):
        raise HostError(
            _lost(name, _these(found)), f"if they are yours, remove them: {removal_commands(set(found.values()))}"
        )


def end_processes(name: str, store: LabStore) -> list[str]:
    """End the processes of a lab without a record, and return them. Raises HostError."""
    running = processes.of_lab(str(store.lab_folder(name)))
    processes.kill(running)
    return [f"process {process.pid}" for process in running]


def _remains(name: str, store: LabStore) -> str:
    """What there is of a lab on this machine, "" for nothing."""
    running = processes.of_lab(str(store.lab_folder(name)))
    if running:
        pids = ", ".join(str(process.pid) for process in running)
        return f"its processes run (pid {pids})"
    return "its data is there" if (store.lab_folder(name) / "nodes").exists() else ""


def _these(containers: Collection[str]) -> str:
    return f"its containers are there ({first_few(sorted(containers))})" if containers else ""


def _lost(name: str, what: str) -> str:
    return f"lab.json of the lab {name} is lost or can't be read, and {what}"
