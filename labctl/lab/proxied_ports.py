"""The ports of brokers behind the proxy, of a lab that had no proxy, or whose ports another program has taken."""

from __future__ import annotations

from dataclasses import replace

from labctl.lab.existing import ExistingLab, with_spec
from labctl.runtime.base import Progress
from labctl.spec.model import LabSpec
from labctl.state.identity import ONLY_LOOPBACK
from labctl.state.store import LabStore
from labctl.system.ports import free_ports, free_ports_elsewhere, is_free


def with_proxied_ports(lab: ExistingLab, spec: LabSpec, store: LabStore, progress: Progress) -> ExistingLab:
    """Return the lab; where it is stopped and has no free ports behind its proxy, with others, which are kept.

    Those that it has in a swarm are examined by the runtime. Raises LabError where the runtime does not respond,
    HostError where no port is free.
    """
    plan, record = lab.plan, lab.record
    if not plan.proxied or lab.state() != "stopped":
        return lab
    first, addresses = record.identity.proxied_port, [node.place.address for node in plan.brokers if node.place]
    if first and (addresses or all(is_free(ONLY_LOOPBACK, first + place) for place in range(len(plan.brokers)))):
        return lab
    taken = {port.number for port in plan.host_ports(page=True)}
    count = len(plan.brokers)
    chosen = free_ports_elsewhere(addresses, taken) if addresses else free_ports(ONLY_LOOPBACK, count, taken)
    return with_spec(
        store.save(replace(record, identity=replace(record.identity, proxied_port=chosen))), spec, progress
    )
