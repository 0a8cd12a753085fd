"""What a swarm reports of a node's service and its tasks -> the task that says how the node is, and its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labctl.errors import HostError
from labctl.runtime.base import NodeState
from labctl.runtime.docker.engine import parse_time

ENDED_ITSELF = {"complete", "failed", "rejected"}
ENDED = {*ENDED_ITSELF, "shutdown", "orphaned", "remove"}
PORT_IN_USE = "port already in use"  # swarmkit, manager/scheduler/filter.go
Inspected = Mapping[str, Any]


def decisive_task(service: Inspected, tasks: Sequence[Inspected]) -> Inspected | None:
    """Return the task that says how a node is, of its service and the service's tasks, the newest first; or None.

    A task that runs; else one that ended itself since the service was changed, though Swarm starts another: what a
    program printed when it ended is worth more than the next attempt; else the newest.
    """
    if running := next((task for task in tasks if state_of(task) == "running" and wanted(task)), None):
        return running
    if service["Spec"]["Mode"]["Replicated"]["Replicas"]:
        changed = parse_time(service["UpdatedAt"])
        for task in tasks:
            if state_of(task) in ENDED_ITSELF and parse_time(task["CreatedAt"]) > changed:
                return task
    return tasks[0] if tasks else None


def task_state(name: str, task: Inspected | None) -> NodeState:
    """Return the state of a node whose task has no container that can be examined."""
    if task is None:
        return NodeState(name, "exited")
    if wanted(task) and state_of(task) not in ENDED and (has_place(task) or not why_it_waits(task)):
        return NodeState(name, "running")
    status = task["Status"]
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    reason = str(status.get("Err") or "") or (f"exit code {code}" if code else "")
    return NodeState(name, "exited", code, reason, ended=parse_time(status["Timestamp"]).timestamp())


def state_of(task: Inspected) -> str:
    """Return the state of a task: new, pending, assigned, preparing, starting, running, complete, failed and so on."""
    return str(task["Status"]["State"])


def wanted(task: Inspected) -> bool:
    """Return whether Swarm wants a task to run."""
    return str(task["DesiredState"]) in {"ready", "running"}


def has_place(task: Inspected | None) -> bool:
    """Return whether a node of the swarm has a task."""
    return task is not None and state_of(task) not in {"new", "pending"}


def was_started(task: Inspected | None) -> bool:
    """Return whether a task has a container that was started, or ended without one."""
    if task is None or state_of(task) in ENDED:
        return task is not None
    return state_of(task) in {"starting", "running"} and bool(container_id(task))


def why_it_waits(task: Inspected | None) -> str:
    """Return why no node of the swarm has a task; "" where Swarm has no reason yet."""
    return str(task["Status"].get("Err") or "") if task else ""


def cant_start(node: str, reason: str, more: str) -> HostError:
    """Return the error for a node of the lab that no node of the swarm starts; `more` is a command that shows more."""
    message = f"no node of the swarm can start {node}: {reason or 'Swarm has not tried yet'}"
    if PORT_IN_USE in reason:
        return HostError(message, "end the program that has the port, or try: labctl up --ports auto", "port-taken")
    return HostError(message, f"{more} shows more", "swarm-node-away")


def has_ended(task: Inspected) -> bool:
    """Return whether a task has ended."""
    return state_of(task) in ENDED


def about_to_vanish(task: Inspected) -> bool:
    """Return whether Swarm is about to forget a task: it ended, and its service needs it no more."""
    return has_ended(task) and str(task["DesiredState"]) == "remove"


def container_id(task: Inspected | None) -> str:
    """Return the id of a task's container; "" where it has none yet."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID", "")) if task else ""
