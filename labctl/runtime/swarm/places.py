"""Where the nodes of a lab run in a swarm: chosen when the lab is created, and kept, as their data is there."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.errors import HostError
from labctl.plan.model import CONTROLLER, EngineFacts, Places
from labctl.plan.placement import SwarmNode, majority_on_one, nodes_needed, place
from labctl.plan.planner import plan_members
from labctl.runtime.docker.errors import require_engine_version
from labctl.runtime.swarm.engine import ROLES_LABEL, SwarmEngine
from labctl.runtime.swarm.fitness import TESTED_WITH
from labctl.spec.model import LabSpec
from labctl.wording import first_few


def swarm_facts(spec: LabSpec) -> EngineFacts:
    """Return the facts of the swarm whose manager docker uses, with a place for each node of the lab.

    Raises HostError where it is no manager, or where its nodes are too few; RuntimeFailed.
    """
    engine = SwarmEngine()
    pin, _host = engine.place()
    version = engine.version()
    require_engine_version(version, reason=TESTED_WITH)
    nodes = engine.nodes()
    places = choose_places(spec, (), (), nodes)
    require_majority_elsewhere(spec, places, nodes)
    return EngineFacts(
        pin, kind=version.kind, shares_memory=False, places=places, published=frozenset(engine.published_ports())
    )


def choose_places(
    spec: LabSpec, removed_controllers: Sequence[int], placed: Places, nodes: Sequence[SwarmNode]
) -> Places:
    """Return a place for each node of the lab; those that are `placed` already stay where they are.

    Raises HostError where no node of the swarm may run one.
    """
    members = {member.name: member.roles for member in plan_members(spec, removed_controllers)}
    able = [node for node in nodes if not node.hindrance]
    try:
        found = place(members, able, dict(placed))
    except ValueError as error:
        name = str(error)
        raise HostError(
            f"no node of the swarm may run {name} ({' and '.join(members[name])}): {_described(nodes)}",
            f"docker node update --label-rm {ROLES_LABEL} NODE, or docker node update --availability active NODE",
            "swarm-too-small",
        ) from None
    return tuple(found.items())


def require_majority_elsewhere(spec: LabSpec, places: Places, nodes: Sequence[SwarmNode]) -> None:
    """Raise HostError where the loss of one node of the swarm would take the majority of a new lab's voters."""
    voters = [member.name for member in plan_members(spec, ()) if CONTROLLER in member.roles]
    for where, own in majority_on_one(dict(places), voters) if spec.kafka.placement == "strict" else ():
        needed = nodes_needed(len(voters))
        raise HostError(
            f"{len(voters)} voters need {needed} nodes of the swarm, so that the loss of one leaves a majority; "
            f"{where.name} would run {first_few(own)}: {_described(nodes)}",
            "let more nodes join (docker swarm join-token worker prints the command), "
            "or accept the risk: kafka.placement: any in lab.yaml",
            "swarm-too-small",
        )


def _described(nodes: Sequence[SwarmNode]) -> str:
    """`it has 3 nodes, sw3 is down`."""
    unable = [f"{node.place.name} {node.hindrance}" for node in nodes if node.hindrance]
    count = "a manager alone" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return ", ".join([f"it has {count}", *unable])
