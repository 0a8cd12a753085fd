"""What is chosen once for a lab, and kept with it: its cluster id, ports and addresses."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from labctl.constants import CONTROLLER_PORT, INTERNAL_PORT
from labctl.kafka_ids import encoded_id
from labctl.plan.inner_ports import inner_ports
from labctl.plan.model import NO_ENGINE, PAGE_ADDRESS, EngineFacts, HostFacts, Identity
from labctl.system.ports import free_loopback, free_ports, free_ports_elsewhere, is_free

if TYPE_CHECKING:
    from labctl.spec.model import LabSpec


ONLY_LOOPBACK = "127.0.0.1"  # the only loopback address of macOS
IN_CONTAINERS = {"loopback": "127.0.0", "internal_port": INTERNAL_PORT, "controller_port": CONTROLLER_PORT}


def new_identity(
    spec: LabSpec,
    facts: HostFacts,
    *,
    state: str,
    others: Sequence[tuple[Identity, int]],
    reserved: AbstractSet[int] = frozenset(),
    containers: bool = False,
    engine: EngineFacts = NO_ENGINE,
) -> Identity:
    """Return a new identity with free ports; `others` are the identities of this user's labs and their brokers.

    `reserved` are the internal ports of those that start or run. Nodes that are `containers` need no address of this
    machine, those with a place in a swarm need ports there. Raises HostError where no port is free.
    """
    first = _external_port(spec, others, engine)
    external = range(first, first + spec.kafka.brokers)
    page = _ui_port(spec, others)
    others_ports = _broker_ports(others) | _page_and_service_ports(spec, others)
    services = service_ports(spec, others_ports | {*external, page})
    proxied = _proxied_port(spec, others, engine, {*external, page, *services.values()})
    if proxied:
        reserved = reserved | set(range(proxied, proxied + spec.kafka.brokers))
    return Identity(
        cluster_id=new_cluster_id(),
        state=state,
        external_port=first,
        ui_port=page,
        service_ports=tuple(services.items()),
        kafka_version=spec.kafka.version,
        proxied_port=proxied,
        engine=engine.pin,
        engine_host=engine.host,
        engine_kind=engine.kind,
        engine_shares_memory=engine.shares_memory,
        places=engine.places,
        initial_controllers=spec.kafka.controllers if isinstance(spec.kafka.controllers, int) else 0,
        **(
            IN_CONTAINERS
            if containers
            else internal_address(
                spec.kafka.nodes,
                facts,
                taken={other.loopback for other, _brokers in others},
                external=external,
                reserved=reserved | {page, *services.values()},
            )
        ),
    )


def new_cluster_id() -> str:
    """Return a random cluster id."""
    return encoded_id(uuid.uuid4())


def internal_address(
    nodes: int,
    facts: HostFacts,
    *,
    taken: AbstractSet[str] = frozenset(),
    external: range = range(0),
    reserved: AbstractSet[int] = frozenset(),
) -> dict[str, Any]:
    """Return where the internal listeners of a local lab are: own addresses on Linux, own ports elsewhere.

    `taken` are the networks of other labs, `external` the lab's external ports; the ports in `reserved` are not used
    where all nodes share 127.0.0.1. Raises HostError where none are free.
    """
    if facts.has_loopback_net:
        internal, controller = inner_ports(external)
        loopback = free_loopback(nodes, (internal, controller), taken)
        return {"loopback": loopback, "internal_port": internal, "controller_port": controller}
    usual, reserved = (INTERNAL_PORT, CONTROLLER_PORT), {*reserved, *external}
    # a lone node has the ports that the homework's commands name
    if nodes == 1 and reserved.isdisjoint(usual) and all(is_free(ONLY_LOOPBACK, port) for port in usual):
        first = INTERNAL_PORT
    else:
        first = free_ports(ONLY_LOOPBACK, 2 * nodes, reserved)
    return {"loopback": "127.0.0", "internal_port": first, "controller_port": first + 1}


def _external_port(spec: LabSpec, others: Sequence[tuple[Identity, int]], engine: EngineFacts) -> int:
    external, taken = spec.listeners.external, _broker_ports(others) | _page_and_service_ports(spec, others)
    if external.port != "auto":
        return external.port
    if engine.places and not external.faults:
        return _free_in_swarm(spec, engine, taken)
    return free_ports(external.bind, spec.kafka.brokers, taken)


def _proxied_port(
    spec: LabSpec, others: Sequence[tuple[Identity, int]], engine: EngineFacts, own: AbstractSet[int]
) -> int:
    """The first port of the brokers behind a proxy; 0 where the lab has none."""
    taken = own | _broker_ports(others) | _page_and_service_ports(spec, others)
    if not spec.listeners.external.faults:
        return 0
    if engine.places:
        return _free_in_swarm(spec, engine, taken)
    return free_ports(ONLY_LOOPBACK, spec.kafka.brokers, taken)


def _free_in_swarm(spec: LabSpec, engine: EngineFacts, taken: AbstractSet[int]) -> int:
    """The first of the brokers' ports, each on its node of the swarm."""
    places = dict(engine.places)
    return free_ports_elsewhere([places[name].address for name in spec.kafka.broker_names], taken | engine.published)


def _broker_ports(others: Sequence[tuple[Identity, int]]) -> set[int]:
    """The external ports of other labs, and those behind their proxies."""
    firsts = [(first, brokers) for other, brokers in others for first in (other.external_port, other.proxied_port)]
    return {first + place for first, brokers in firsts for place in range(brokers) if first}


def _ui_port(spec: LabSpec, others: Sequence[tuple[Identity, int]]) -> int:
    if spec.ui.port != "auto":
        return spec.ui.port
    external = {other.external_port for other, _brokers in others}
    return free_ports(PAGE_ADDRESS, 1, external | _page_and_service_ports(spec, others))


def service_ports(spec: LabSpec, taken: AbstractSet[int] = frozenset()) -> dict[str, int]:
    """Return a free port for each service whose port is auto: {key of lab.yaml: port}. Raises HostError."""
    wanted = spec.services.wanted
    taken = taken | {service.port for service in wanted.values() if isinstance(service.port, int)}
    found: dict[str, int] = {}
    for kind, service in wanted.items():
        if service.port == "auto":
            found[kind] = free_ports(PAGE_ADDRESS, 1, taken | set(found.values()))
    return found


def _page_and_service_ports(spec: LabSpec, others: Sequence[tuple[Identity, int]]) -> set[int]:
    own = set() if spec.ui.port == "auto" else {spec.ui.port}
    services = {port for other, _brokers in others for _kind, port in other.service_ports}
    return own | services | {other.ui_port for other, _brokers in others}
