"""Can the nodes of a swarm run a lab? Probes that examine them and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from labctl.diagnostics.probe import Probe
from labctl.errors import LabError
from labctl.plan.placement import SwarmNode
from labctl.plan.planner import image_name
from labctl.plan.sizes import MEBIBYTE, memory_needed
from labctl.runtime.swarm.engine import SwarmEngine, engine_of
from labctl.runtime.swarm.fitness import require_free_ports
from labctl.runtime.swarm.places import choose_places
from labctl.spec.model import LabSpec
from labctl.system.parallel import run_all

WORKERS = 8


def examine_swarm(spec: LabSpec, *, running: bool) -> list[Probe]:
    """Return probes of the swarm of docker's engine: whether it has nodes and ports for `spec`, and of each node.

    The ports of a lab that is `running` are its own.
    """
    manager = SwarmEngine()
    try:
        nodes = manager.nodes()
    except LabError as error:
        return [Probe("swarm", "fail", error.message, error.hint)]
    probes = [partial(_node, spec, node) for node in nodes]
    return [*_placement(spec, manager, nodes, running=running), *run_all(probes, WORKERS)]


def _placement(spec: LabSpec, manager: SwarmEngine, nodes: Sequence[SwarmNode], *, running: bool) -> list[Probe]:
    try:
        places = choose_places(spec, (), (), nodes)
    except LabError as error:
        return [Probe("swarm", "fail", error.message, error.hint)]
    placement = Probe("swarm", "ok", ", ".join(f"{name} on {place.name}" for name, place in places))
    first = spec.listeners.external.port
    if first == "auto" or running:
        return [placement]
    brokers = [place for name, place in places if name in spec.kafka.broker_names]
    wanted = [(place, first + number) for number, place in enumerate(brokers)]
    try:
        require_free_ports(wanted, manager.published_ports())
    except LabError as error:
        return [placement, Probe("swarm ports", "fail", error.message, error.hint)]
    text = ", ".join(f"{place.address}:{port}" for place, port in wanted)
    return [placement, Probe("swarm ports", "ok", f"{text} free")]


def _node(spec: LabSpec, node: SwarmNode) -> Probe:
    name, place, image = f"node {node.place.name}", node.place, image_name(spec)
    role = "manager" if node.manager else "worker"
    text = f"{role} at {place.address}, {node.memory // MEBIBYTE} MiB of memory"
    if node.hindrance:
        return Probe(
            name, "warn", f"{text}; {node.hindrance}", "docker node ls; docker node update --availability active"
        )
    try:
        engine = engine_of(place)
        version, present = engine.version(), engine.has_image(image)
    except LabError as error:
        return Probe(name, "fail", f"{text}; its engine does not respond: {error.message}", error.hint)
    if node.memory < memory_needed(1, spec.kafka.heap):
        return Probe(name, "warn", f"{text}: too little for one node of Kafka", "set a smaller kafka.heap")
    if not present and spec.kafka.pull == "never":
        return Probe(name, "fail", f"{text}, {version}; lacks {image}, and kafka.pull is never", f"docker pull {image}")
    return Probe(name, "ok", f"{text}, {version}, {'has' if present else '`up` pulls'} {image}")
