"""Removing a lab from a swarm: its stack, then what each node of the swarm has of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from labctl.errors import HostError, LabError, RuntimeFailed
from labctl.plan.model import LabPlan, Place
from labctl.runtime.base import Progress
from labctl.runtime.docker.engine import UNNAMED, Engine
from labctl.runtime.docker.foreign import refuse_foreign_users
from labctl.runtime.docker.node_container import CLUSTER_LABEL
from labctl.runtime.swarm.engine import SwarmEngine, docker_command
from labctl.runtime.swarm.stack_file import volume_name
from labctl.runtime.swarm.tasks import about_to_vanish, has_ended
from labctl.system.parallel import run_all

DOWN_SECONDS = 60  # for the tasks, and for what else there is
IN_USE_SECONDS = 5  # what still exists then has another reason than the swarm being slow
PAUSE_SECONDS = 0.2
Objects = Mapping[str, Sequence[str]]


def remove_stack(plan: LabPlan, manager: SwarmEngine, engines: Mapping[Place, Engine], progress: Progress) -> list[str]:
    """Remove everything with the lab's label from the swarm and from its nodes' engines; return what was removed.

    Raises HostError with the nodes of the swarm that are out of reach, when all the rest is removed; a node that has
    left the swarm is reported only. RuntimeFailed after DOWN_SECONDS.
    """
    manager.end_commands()
    label = f"{CLUSTER_LABEL}={plan.cluster_id}"
    removed = [f"service {name}" for name in _end_tasks(plan, manager, engines, label)]
    began = time.monotonic()
    away: dict[Place, LabError] = {}
    while True:
        found = manager.labelled(label)
        manager.remove_labelled(found)
        removed += [f"{kind} {name}" for kind, names in found.items() for name in names]
        reached = {place: engine for place, engine in engines.items() if place not in away}
        left, unreached = _remove_objects(plan, reached, label)
        away |= unreached
        removed += left
        if not any(found.values()) and not left:
            break
        seconds = time.monotonic() - began
        if seconds > IN_USE_SECONDS:
            for place, engine in reached.items():
                own = engine.objects(label, _volumes(plan)) | {"network": found["network"]}
                refuse_foreign_users(engine, own, where=f" on {place.name}", docker=docker_command(place))
        if seconds > DOWN_SECONDS:
            still = ", ".join([*(name for names in found.values() for name in names), *left])
            raise RuntimeFailed("labctl down", None, f"still there: {still}", "run labctl down again")
        time.sleep(PAUSE_SECONDS)
    _report_away(plan, manager, away, progress)
    return list(dict.fromkeys(removed))


def _end_tasks(plan: LabPlan, manager: SwarmEngine, engines: Mapping[Place, Engine], label: str) -> list[str]:
    """Remove the services and end all tasks, at once where their engines can be reached; return the services.

    Afterwards no container appears any more. Raises RuntimeFailed where tasks do not end.

    A manager (Docker 26.1) ends with a nil pointer where a service is removed just when Swarm forgets a task of it.
    """
    services = manager.labelled(label)["service"]
    give_up = time.monotonic() + DOWN_SECONDS
    while any(map(about_to_vanish, manager.tasks(services))) and time.monotonic() < give_up:
        time.sleep(PAUSE_SECONDS)
    manager.remove_services(services)
    run_all([partial(_remove_containers, plan, engine, label) for engine in engines.values()], max(1, len(engines)))
    while True:
        able = {node.place.id: node.place.name for node in manager.nodes() if not node.is_down}
        tasks = manager.tasks_on(list(able), (CLUSTER_LABEL, plan.cluster_id))
        if not (left := {able.get(task["NodeID"], task["NodeID"]) for task in tasks if not has_ended(task)}):
            return services
        if time.monotonic() > give_up:
            text = f"tasks of the lab on {' and '.join(sorted(left))} have not ended"
            raise RuntimeFailed("labctl down", None, text, "docker node ls; then run labctl down again")
        time.sleep(PAUSE_SECONDS)


def _remove_containers(plan: LabPlan, engine: Engine, label: str) -> None:
    try:
        engine.remove({"container": engine.objects(label, _volumes(plan))["container"]})
    except LabError:
        return  # it is asked again later, and reported then


def _remove_objects(
    plan: LabPlan, engines: Mapping[Place, Engine], label: str
) -> tuple[list[str], dict[Place, LabError]]:
    """Remove the containers and volumes on each node of the swarm: what there was, and which nodes did not respond."""
    places = list(engines)
    results = run_all([partial(_removed_from, plan, engines[place], label) for place in places], max(1, len(places)))
    removed: list[str] = []
    away: dict[Place, LabError] = {}
    for place, result in zip(places, results, strict=True):
        if isinstance(result, LabError):
            away[place] = result
        else:
            removed += [f"{kind} {name} on {place.name}" for kind, names in result.items() for name in names]
    return removed, away


def _removed_from(plan: LabPlan, engine: Engine, label: str) -> Objects | LabError:
    try:
        found = engine.objects(label, _volumes(plan))
        mine = {kind: names for kind, names in found.items() if kind != "network"}  # the manager removes it
        engine.remove(mine)
    except LabError as error:
        return error
    return {kind: names for kind, names in mine.items() if kind != UNNAMED}


def _report_away(plan: LabPlan, manager: SwarmEngine, away: Mapping[Place, LabError], progress: Progress) -> None:
    members = {node.place.id for node in manager.nodes()} if away else set()
    for place in [place for place in away if place.id not in members]:
        progress.note(f"{place.name} has left the swarm: what it had of the lab {plan.name} is still there")
    left = {place: error for place, error in away.items() if place.id in members}
    if left:
        names = " and ".join(place.name for place in left)
        raise HostError(
            f"{names}, of the swarm, can't be reached, and may have data of the lab {plan.name}: "
            f"{next(iter(left.values())).message}",
            "run labctl down again when it is back; if it never comes back: docker node rm --force, then labctl down",
            "swarm-node-away",
        )


def _volumes(plan: LabPlan) -> list[str]:
    return [volume_name(plan, node.name) for node in plan.nodes]
