"""Local labs whose record is lost: the nodes still run, or their data is there."""

from __future__ import annotations

from labctl.errors import HostError
from labctl.state.store import LabStore
from labctl.system import processes


def all_names(store: LabStore) -> list[str]:
    """Return the names of all labs, incomplete ones too, and those of which nothing but their processes is left.

    Raises HostError.
    """
    return sorted({*store.names(), *processes.labs_below(str(store.root / "labs"))})


def traces(name: str, store: LabStore) -> str:
    """Return what there is of a lab without a record, "" for nothing. Raises HostError."""
    running = processes.of_lab(str(store.lab_folder(name)))
    if running:
        pids = ", ".join(str(process.pid) for process in running)
        return f"its processes run (pid {pids})"
    return "its data is there" if (store.lab_folder(name) / "nodes").exists() else ""


def refuse_traces(name: str, store: LabStore) -> None:
    """Raise HostError where there is something of a lab without a record: it can't be used, and is not overwritten."""
    if found := traces(name, store):
        raise HostError(
            f"lab.json of the lab {name} is lost, and {found}",
            f"labctl down --name {name} removes its nodes and data",
        )
