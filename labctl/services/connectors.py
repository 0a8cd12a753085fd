"""The connectors of a lab's Kafka Connect: its REST API, in the terms of `labctl connect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from labctl.errors import ReadinessTimeout, ServiceFailed
from labctl.plan.model import ServicePlan
from labctl.services.api import request
from labctl.system.waiting import Deadline, NotReady, wait_until

CHANGE_SECONDS = 30.0  # for a change, which waits for the worker's group
NOT_FOUND = 404  # HTTP status for a connector that does not exist
CAUSED_BY = "Caused by: "
REBALANCING = 409  # HTTP status while the worker's group changes


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task of a connector: its number, RUNNING, FAILED, PAUSED …, and why it failed, in one line."""

    number: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as its worker reports it: source or sink, its class, its state and its tasks."""

    name: str
    kind: str
    class_name: str
    state: str
    reason: str
    tasks: tuple[TaskState, ...]

    @property
    def failures(self) -> list[str]:
        """Why it, or one of its tasks, failed: a sentence each."""
        own = [f"{self.name} failed: {self.reason}"] if self.state == "FAILED" else []
        return own + [
            f"task {task.number} of {self.name} failed: {task.reason}" for task in self.tasks if task.state == "FAILED"
        ]


def names(service: ServicePlan) -> list[str]:
    """Return the names of the connectors. Raises ServiceFailed, HostError."""
    return sorted(request(service, "/connectors"))


def apply(service: ServicePlan, name: str, config: Mapping[str, Any]) -> bool:
    """Create the connector called `name`, or change its configuration; return whether it is new.

    Raises ServiceFailed, with the HTTP status 400 where the configuration is wrong; HostError.
    """
    is_new = name not in names(service)
    body = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in config.items()}
    _change(service, f"/connectors/{quote(name, safe='')}/config", "PUT", body)
    return is_new


def delete(service: ServicePlan, name: str) -> None:
    """Delete a connector. Raises ServiceFailed, HostError."""
    _change(service, f"/connectors/{quote(name, safe='')}", "DELETE")


def restart(service: ServicePlan, name: str) -> None:
    """Restart a connector with its tasks. Raises ServiceFailed, HostError."""
    _change(service, f"/connectors/{quote(name, safe='')}/restart?includeTasks=true", "POST")


def status(service: ServicePlan, name: str) -> Connector:
    """Return the state of a connector. Raises ServiceFailed, HostError."""
    path = f"/connectors/{quote(name, safe='')}"
    return _connector(name, request(service, f"{path}/status"), request(service, f"{path}/config"))


def every_status(service: ServicePlan) -> list[Connector]:
    """Return the state of each connector, by name; one that was created just now has none yet and is left out.

    Raises ServiceFailed, HostError.
    """
    found = request(service, "/connectors?expand=status&expand=info")
    return [
        _connector(name, each["status"], each["info"]["config"])
        for name, each in sorted(found.items())
        if {"status", "info"} <= each.keys()
    ]


def _connector(name: str, state: Mapping[str, Any], config: Mapping[str, str]) -> Connector:
    own = state["connector"]
    tasks = tuple(TaskState(task["id"], task["state"], _reason(task)) for task in state["tasks"])
    return Connector(name, state["type"], config.get("connector.class", ""), own["state"], _reason(own), tasks)


def configs(service: ServicePlan) -> dict[str, dict[str, str]]:
    """Return the configuration of each connector: {name: {setting: value}}. Raises ServiceFailed, HostError."""
    return {name: request(service, f"/connectors/{quote(name, safe='')}/config") for name in names(service)}


def plugins(service: ServicePlan) -> list[dict[str, str]]:
    """Return the connector classes that the worker has: {class, type, version}. Raises ServiceFailed, HostError."""
    found: list[dict[str, str]] = request(service, "/connector-plugins")
    return found


def _change(service: ServicePlan, path: str, method: str, body: object = None) -> None:
    """Send a change, again while the worker's group changes: it refuses changes then."""
    deadline = Deadline.after(CHANGE_SECONDS)

    def attempt() -> None:
        try:
            request(service, path, method=method, body=body, seconds=max(1.0, deadline.left))
        except ServiceFailed as error:
            if error.status != REBALANCING:
                raise
            raise NotReady(error.message) from error

    try:
        wait_until(attempt, what="Kafka Connect to accept the change", deadline=deadline)
    except ReadinessTimeout as error:
        raise ServiceFailed(error.message, "labctl logs connect shows what it does", REBALANCING) from error


def _reason(state: Mapping[str, Any]) -> str:
    """The message of an exception and that of its deepest cause, from a stack trace of Java; "" where there is none."""
    lines = str(state.get("trace", "")).splitlines()
    causes = [line.removeprefix(CAUSED_BY) for line in lines if line.startswith(CAUSED_BY)]
    messages = [line.partition(": ")[2] or line for line in [*lines[:1], *causes[-1:]]]
    return ": ".join(dict.fromkeys(messages))
