"""Can the nodes of a swarm run a lab? Probes that examine them and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from labctl.diagnostics.probe import Probe
from labctl.errors import LabError
from labctl.plan.model import Places
from labctl.plan.placement import SwarmNode
from labctl.plan.planner import image_name
from labctl.plan.sizes import MEBIBYTE, memory_needed
from labctl.runtime.swarm.engine import SwarmEngine, docker_command, engine_of
from labctl.runtime.swarm.fitness import require_free_ports
from labctl.runtime.swarm.places import choose_places, require_majority_elsewhere
from labctl.spec.model import LabSpec
from labctl.system.parallel import run_all

WORKERS = 8


def examine_swarm(spec: LabSpec, placed: Places) -> list[Probe]:
    """Return probes of the swarm of docker's engine: whether it has nodes and ports for `spec`, and of each node.

    `placed` are the places of a lab that exists, which has its ports; () for a new one.
    """
    manager = SwarmEngine()
    try:
        nodes = manager.nodes()
    except LabError as error:
        return [Probe("swarm", "fail", error.message, error.hint)]
    placement, places = _placement(spec, placed, nodes)
    probes = [partial(_node, spec, node, sum(place == node.place for _name, place in places)) for node in nodes]
    ports = [] if placed or not places else _ports(spec, places, manager)
    return [placement, *ports, *run_all(probes, WORKERS)]


def _placement(spec: LabSpec, placed: Places, nodes: Sequence[SwarmNode]) -> tuple[Probe, Places]:
    try:
        places = choose_places(spec, (), placed, nodes)
        if not placed:
            require_majority_elsewhere(spec, places, nodes)
    except LabError as error:
        return Probe("swarm", "fail", error.message, error.hint), ()
    return Probe("swarm", "ok", ", ".join(f"{name} on {place.name}" for name, place in places)), places


def _ports(spec: LabSpec, places: Places, manager: SwarmEngine) -> list[Probe]:
    first = spec.listeners.external.port
    if first == "auto" or spec.listeners.external.faults:  # the proxy has them, on this machine
        return []
    brokers = [place for name, place in places if name in spec.kafka.broker_names]
    wanted = [(place, first + number) for number, place in enumerate(brokers)]
    try:
        require_free_ports(wanted, manager.published_ports())
    except LabError as error:
        return [Probe("swarm ports", "fail", error.message, error.hint)]
    text = ", ".join(f"{place.address}:{port}" for place, port in wanted)
    return [Probe("swarm ports", "ok", f"{text} free")]


def _node(spec: LabSpec, node: SwarmNode, own: int) -> Probe:
    """How a node of the swarm is, which would run so many nodes of the lab."""
    name, place, image = f"node {node.place.name}", node.place, image_name(spec)
    role = "manager" if node.manager else "worker"
    text = f"{role} at {place.address}, {node.memory // MEBIBYTE} MiB of memory"
    if node.hindrance:
        remedy = f"docker node ls; docker node update --availability active {place.name}"
        return Probe(name, "warn", f"{text}; {node.hindrance}", remedy)
    try:
        engine = engine_of(place)
        version, present = engine.version(), engine.has_image(image)
    except LabError as error:
        return Probe(name, "fail", f"{text}; its engine does not respond: {error.message}", error.hint)
    needed = memory_needed(max(own, 1), spec.kafka.heap)
    if node.memory < needed:
        what = f"{text}; {'the lab' if own else 'a node of the lab'} needs {needed // MEBIBYTE} MiB there"
        return Probe(name, "fail" if own else "warn", what, "set a smaller kafka.heap")
    if not present and spec.kafka.pull == "never":
        remedy = f"{docker_command(place)} pull {image}"
        return Probe(name, "fail", f"{text}, {version}; lacks {image}, and kafka.pull is never", remedy)
    return Probe(name, "ok", f"{text}, {version}, {'has' if present else '`up` pulls'} {image}")
