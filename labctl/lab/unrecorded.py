"""Labs whose record is lost: their nodes still run, or their data is there."""

from __future__ import annotations

from labctl.errors import HostError
from labctl.runtime.access import containers_of_unrecorded_labs, remove_clusters
from labctl.state.store import LabStore
from labctl.system import processes
from labctl.wording import first_few


def all_names(store: LabStore) -> list[str]:
    """Return the names of all labs, incomplete ones too, and those of which only processes or containers are left.

    Raises HostError.
    """
    labs = store.root / "labs"
    return sorted({*store.names(), *processes.labs_below(str(labs)), *containers_of_unrecorded_labs(labs)})


def remains(name: str, store: LabStore) -> str:
    """Return what there is of a lab without a record, "" for nothing. Raises HostError."""
    return _on_this_machine(name, store) or _in_docker(name, store)


def refuse_remains(name: str, store: LabStore, *, containers: bool = True) -> None:
    """Raise HostError where there is something of a lab without a record: it can't be used, and is not overwritten.

    Without `containers` only this machine is examined: the compose runtime examines those before it starts any.
    """
    if found := remains(name, store) if containers else _on_this_machine(name, store):
        raise HostError(
            f"lab.json of the lab {name} is lost or can't be read, and {found}",
            f"labctl down --name {name} removes its nodes and data",
        )


def remove_remains(name: str, store: LabStore) -> list[str]:
    """End the processes of a lab without a record, remove what it has in Docker, and return that. Raises LabError."""
    running = processes.of_lab(str(store.lab_folder(name)))
    processes.kill(running)
    clusters = set(containers_of_unrecorded_labs(store.root / "labs").get(name, {}).values())
    return [f"process {process.pid}" for process in running] + (remove_clusters(clusters) if clusters else [])


def _on_this_machine(name: str, store: LabStore) -> str:
    running = processes.of_lab(str(store.lab_folder(name)))
    if running:
        pids = ", ".join(str(process.pid) for process in running)
        return f"its processes run (pid {pids})"
    return "its data is there" if (store.lab_folder(name) / "nodes").exists() else ""


def _in_docker(name: str, store: LabStore) -> str:
    found = containers_of_unrecorded_labs(store.root / "labs").get(name, {})
    return f"its containers are there ({first_few(sorted(found))})" if found else ""
