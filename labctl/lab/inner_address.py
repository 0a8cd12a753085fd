"""The inner addresses of a stopped local lab, which another program may have taken since the lab ran."""

from __future__ import annotations

from dataclasses import replace

from labctl.lab.existing import ExistingLab, with_spec
from labctl.plan.model import LabPlan
from labctl.runtime.base import Progress
from labctl.runtime_traits import RUNTIMES
from labctl.spec.model import LabSpec
from labctl.state.identity import ONLY_LOOPBACK, internal_address
from labctl.state.store import LabStore
from labctl.system import host
from labctl.system.ports import is_free


def with_free_address(lab: ExistingLab, spec: LabSpec, store: LabStore, progress: Progress) -> ExistingLab:
    """Return the lab; where it is stopped and its inner addresses are taken, with others, which are kept.

    Raises LabError where the runtime does not respond, HostError where no address is free.
    """
    plan = lab.plan
    if RUNTIMES[plan.runtime.name].own_addresses or lab.state() != "stopped" or _are_free(plan):
        return lab
    others = [record for name in store.names() if name != plan.name and (record := store.load(name))]
    first = plan.brokers[0].listener("EXTERNAL").advertised_port
    address = internal_address(
        len(plan.nodes),
        host.gather(),
        taken={record.identity.loopback for record in others},
        external=range(first, first + len(plan.brokers)),
        reserved={plan.ui.port} if plan.ui.port else frozenset(),
    )
    changed = with_spec(
        store.save(replace(lab.record, identity=replace(lab.record.identity, **address))), spec, progress
    )
    before, now = plan.internal_bootstrap, changed.plan.internal_bootstrap
    if before != now:
        progress.note(f"an internal port is in use: the lab has {now} now, in place of {before}")
    return changed


def _are_free(plan: LabPlan) -> bool:
    """Whether the nodes could listen on their internal addresses, beside their external listeners and the page."""
    own = {(ONLY_LOOPBACK, port.number) for port in plan.host_ports(page=True)}
    inner = {
        (node.address, listener.port)
        for node in plan.nodes
        for listener in node.listeners
        if listener.name != "EXTERNAL"
    }
    return inner.isdisjoint(own) and all(is_free(address, port) for address, port in inner)
