"""What a swarm reports of a node's service and its tasks -> the task that says how the node is, and its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labctl.runtime.base import NodeState
from labctl.runtime.docker.engine import parse_time

ENDED_ITSELF = {"complete", "failed", "rejected"}
ENDED = {*ENDED_ITSELF, "shutdown", "orphaned", "remove"}
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
    if state_of(task) not in ENDED and not cant_start(task):
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


def cant_start(task: Inspected) -> str:
    """Return why no node of the swarm can run a task that waits; "" where one can."""
    return str(task["Status"].get("Err") or "") if state_of(task) == "pending" else ""


def has_ended(task: Inspected) -> bool:
    """Return whether a task has ended."""
    return state_of(task) in ENDED


def about_to_vanish(task: Inspected) -> bool:
    """Return whether Swarm is about to forget a task: it ended, and its service needs it no more."""
    return has_ended(task) and str(task["DesiredState"]) == "remove"


def container_id(task: Inspected | None) -> str:
    """Return the id of a task's container; "" where it has none yet."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID", "")) if task else ""
