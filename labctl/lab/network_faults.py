"""Faults of the network of a lab: between clients and brokers, and of one node."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from labctl.errors import LabError
from labctl.lab.existing import LOCK_SECONDS, ExistingLab, open_lab
from labctl.proxy.faults import Faults
from labctl.proxy.faults import clear as without_faults
from labctl.proxy.process import BrokerFaults, current_faults
from labctl.proxy.process import change_faults as change_in_proxy
from labctl.runtime.base import ISOLATED, Progress
from labctl.runtime_traits import RUNTIMES
from labctl.state.store import LabStore


def change_faults(
    name: str, change: Callable[[Faults], Faults], node: str | None, store: LabStore, progress: Progress
) -> list[BrokerFaults]:
    """Change the faults of one broker, of all where `node` is None; return those of each broker when they are in force.

    Raises SpecError for an unknown broker, LabStopped where the lab has no proxy or it does not run; HostError,
    ReadinessTimeout, LabError as `open_lab`.
    """
    with store.locked(name, doing="fault", seconds=LOCK_SECONDS, note=progress.note):
        return change_in_proxy(open_lab(name, store, progress).plan, change, node)


def isolate(name: str, node: str, store: LabStore, progress: Progress) -> None:
    """Disconnect a node from the lab's network. Raises SpecError where it has none of its own, LabError."""
    with store.locked(name, doing="fault isolate", seconds=LOCK_SECONDS, note=progress.note):
        open_lab(name, store, progress).runtime.isolate([node])


def clear(name: str, node: str | None, store: LabStore, progress: Progress) -> list[str]:
    """End all faults of one node, of all where `node` is None, and return which there were: `broker-1: cut`.

    Raises SpecError for an unknown node; LabStopped, HostError, ReadinessTimeout, LabError as `change_faults`.
    """
    with store.locked(name, doing="fault clear", seconds=LOCK_SECONDS, note=progress.note):
        lab = open_lab(name, store, progress)
        if node is not None:
            lab.plan.node(node)  # raises SpecError where there is none
        isolated = [each for each in isolated_nodes(lab) if node in {None, each}]
        if isolated:
            lab.runtime.resume(isolated)
        ended = [f"{each}: {ISOLATED}" for each in isolated]
        brokers = {broker.name for broker in lab.plan.brokers}
        if lab.plan.proxied and node in {None, *brokers}:
            now = current_faults(lab.plan)
            ended += [
                f"{name}: {text}" for name, faults in now.items() if node in {None, name} for text in faults.texts
            ]
            change_in_proxy(lab.plan, without_faults, node)
        return ended


def note_faults(lab: ExistingLab, note: Callable[[str], None]) -> None:
    """Report the faults that are in force: checks that fail with them find nothing new. Raises nothing."""
    with contextlib.suppress(LabError):
        made = [f"{name}: {text}" for name, faults in current_faults(lab.plan).items() for text in faults.texts]
        if made:
            note(f"faults are in force ({'; '.join(made)}); labctl fault clear ends them")


def isolated_nodes(lab: ExistingLab) -> list[str]:
    """Return the names of the nodes that are cut off from the lab's network. Raises LabError."""
    if not RUNTIMES[lab.plan.runtime.name].isolates:
        return []
    return [state.name for state in lab.runtime.nodes() if state.hindrance == ISOLATED]
