"""What is refused before anything starts in a swarm: a node that is away, a taken port, too little memory, no image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from labctl.errors import HostError, LabError
from labctl.plan.model import LabPlan, Place
from labctl.runtime.base import Progress
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.errors import require_engine_version
from labctl.runtime.docker.foreign import refuse_foreign_volumes
from labctl.runtime.docker.node_container import CLUSTER_LABEL
from labctl.runtime.swarm.engine import SwarmEngine, docker_command
from labctl.runtime.swarm.stack_file import used_places, volume_name
from labctl.system.host import require_engine_memory
from labctl.system.parallel import run_all
from labctl.system.ports import accepts

TESTED_WITH = "labctl's swarms are tested with"


def require_fit_swarm(
    plan: LabPlan,
    manager: SwarmEngine,
    engines: Mapping[Place, Engine],
    services: Mapping[str, str],
    progress: Progress,
) -> None:
    """Pull the image on each node of the swarm that lacks it, where `kafka.pull` says so.

    `services` are those of the nodes: {node: service}. Raises HostError for a node of the swarm that is away, lacks the
    image or has too little memory, for a port that is in use there, and for a stack that is not this lab's;
    RuntimeFailed.
    """
    found = manager.services(list(services.values()))
    _refuse_foreign_stack(plan, found)
    exists = bool(found)
    if not exists:
        ports = [(broker.place, broker.listener("EXTERNAL").host_port) for broker in plan.brokers if broker.place]
        require_free_ports(ports, manager.published_ports())
    _refuse_unfit_nodes(plan, manager, exists=exists)
    places = used_places(plan)
    lacking = run_all([partial(_lacks_image, plan, place, engines[place]) for place in places], len(places))
    wanted = [place for place, lacks in zip(places, lacking, strict=True) if lacks or plan.pull == "always"]
    for place in wanted:
        _pull(plan, place, engines[place], progress)


def _refuse_foreign_stack(plan: LabPlan, found: Mapping[str, Mapping[str, object]]) -> None:
    for name, service in found.items():
        labels = service["Spec"].get("Labels") or {}  # type: ignore[attr-defined]
        if labels.get(CLUSTER_LABEL) != plan.cluster_id:
            stack = name.partition("_")[0]
            raise HostError(
                f"the swarm has a stack {stack} already, created by another user, state folder or program",
                f"docker stack rm {stack} removes it, but not its volumes; or give this lab another name: "
                "labctl up --name NAME",
                "foreign-container",
            )


def require_free_ports(wanted: Iterable[tuple[Place, int]], published: Mapping[int, str]) -> None:
    """Raise HostError where a service of the swarm, or a program on a node, has one of the ports.

    `wanted` are nodes of the swarm with a port, `published` the ports that services have: {port: service}.
    """
    for place, port in wanted:
        user = f" by the service {published[port]}" if port in published else ""
        if user or accepts(place.address, port):
            raise HostError(
                f"port {port} of {place.name} ({place.address}) is in use{user}",
                "end that program, set listeners.external.port in lab.yaml, or try: labctl up --ports auto",
                "port-taken",
            )


def _refuse_unfit_nodes(plan: LabPlan, manager: SwarmEngine, *, exists: bool) -> None:
    """Raise HostError where a node of the swarm that the lab needs is away, or has too little memory for a new lab."""
    known = {node.place.id: node for node in manager.nodes()}
    for place in used_places(plan):
        own = [node.name for node in plan.nodes if node.place == place]
        node = known.get(place.id)
        hindrance = node.hindrance if node else "has left the swarm"
        if hindrance:
            raise HostError(
                f"{place.name}, the node of the swarm with the data of {' and '.join(own)}, {hindrance}",
                f"bring it back (docker node ls, docker node update --availability active {place.name}), or remove the "
                f"lab with its data: labctl down --name {plan.name}",
                "swarm-node-away",
            )
        if node and not exists:
            require_engine_memory(len(own), plan.heap, node.memory, place.name)


def _lacks_image(plan: LabPlan, place: Place, engine: Engine) -> bool:
    """Whether a node of the swarm has no image yet.

    Raises HostError where its engine does not respond or is too old, and for a volume of another cluster.
    """
    try:
        version = engine.version()
    except LabError as error:
        raise HostError(
            f"the engine of {place.name}, a node of the swarm, does not respond"
            f"{f' at {place.engine}' if place.engine else ''}: {error.message}",
            "labctl needs it for images, logs and tools: let this user reach it by ssh without a password, or name "
            f"another way: docker node update --label-add labctl.engine=URL {place.name}",
            "swarm-node-away",
        ) from None
    require_engine_version(version, where=f" of {place.name}", reason=TESTED_WITH)
    own = [volume_name(plan, node.name) for node in plan.nodes if node.place == place]
    refuse_foreign_volumes(engine, own, plan.cluster_id, where=f" on {place.name}", docker=docker_command(place))
    return not engine.has_image(plan.image)


def _pull(plan: LabPlan, place: Place, engine: Engine, progress: Progress) -> None:
    load = ""
    if place.engine:
        load = f"docker save {plan.image} | {docker_command(place)} load takes it there from the manager; "
    if plan.pull == "never":
        raise HostError(
            f"{place.name}, a node of the swarm, lacks the image {plan.image}, and kafka.pull is never",
            f"{load}{docker_command(place)} pull {plan.image} asks a registry",
            "image-not-here",
        )
    progress.note(f"pulling {plan.image} on {place.name}")
    try:
        engine.pull(plan.image)
    except LabError as error:
        raise HostError(
            f"{place.name}, a node of the swarm, lacks the image {plan.image}: {error.message}",
            f"{load}{error.hint}",
            error.fault,
        ) from None
