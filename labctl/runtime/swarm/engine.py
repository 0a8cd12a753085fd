"""The engine of a swarm's manager behind a few methods, each with a deadline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labctl.plan.model import Place
from labctl.plan.placement import SwarmNode
from labctl.runtime.docker.engine import ASK_SECONDS, CHANGE_SECONDS, CREATOR_MARK, Engine
from labctl.system.parallel import run_all, run_pair

ENGINE_LABEL = "labctl.engine"  # of a node: DOCKER_HOST of its engine
ROLES_LABEL = "labctl.roles"  # of a node: the roles of Kafka nodes that it may run, with commas
RACK_LABEL = "labctl.rack"
ANY_ADDRESS = {"", "0.0.0.0", "127.0.0.1"}  # noqa: S104 - what a manager may report of itself
KINDS = ("service", "config", "secret", "network")  # what a manager has of a stack; the last one may be in use
NAMES = "{{.Name}}"


class SwarmEngine(Engine):
    """The Docker Engine of a manager. Each method raises HostError where it is none, RuntimeFailed."""

    def nodes(self) -> list[SwarmNode]:
        """Return the nodes of the swarm, the managers first, then by their names."""
        listed, own = run_pair(
            partial(self._output, ["node", "ls", "--quiet"]), partial(self._info, "{{.Swarm.NodeID}}", ASK_SECONDS)
        )
        inspected = json.loads(self._output(["node", "inspect", *listed.split()]))
        found = sorted(inspected, key=lambda node: ("ManagerStatus" not in node, node["Description"]["Hostname"]))
        return [_node(node, own=node["ID"] == own) for node in found]

    def services(self, names: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Return what `docker service inspect` prints of the services `names`, of all where there are none."""
        wanted = names or self._output(["service", "ls", "--format", "{{.Name}}"]).split()
        if not wanted:
            return {}
        found = json.loads(self._about(["service", "inspect", *wanted]) or "[]")
        return {str(entry["Spec"]["Name"]): entry for entry in found}

    def published_ports(self) -> dict[int, str]:
        """Return the ports that services publish: {port: service}."""
        found: dict[int, str] = {}
        for name, service in self.services().items():
            for port in service["Spec"].get("EndpointSpec", {}).get("Ports") or []:
                found[int(port.get("PublishedPort", 0))] = name
        return found

    def tasks(self, services: Sequence[str]) -> list[dict[str, Any]]:
        """Return what `docker inspect` prints of the tasks of services, finished ones too, the newest first."""
        if not services:
            return []
        return self._inspected_tasks(self._about(["service", "ps", "--quiet", "--no-trunc", *services]).split())

    def tasks_on(self, nodes: Sequence[str], label: tuple[str, str]) -> list[dict[str, Any]]:
        """Return the tasks on nodes of the swarm whose containers have a label (KEY, VALUE), also of removed services.

        The newest are first, each as `docker inspect` prints it.
        """
        if not nodes:
            return []
        ids = self._output(["node", "ps", "--quiet", "--no-trunc", *nodes]).split()
        key, value = label
        found = self._inspected_tasks(list(dict.fromkeys(ids)))  # docker repeats some
        return [task for task in found if (task["Spec"]["ContainerSpec"].get("Labels") or {}).get(key) == value]

    def _inspected_tasks(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        found = json.loads(self._about(["inspect", "--type", "task", *ids]) or "[]") if ids else []
        return sorted(found, key=lambda task: str(task["CreatedAt"]), reverse=True)

    def deploy(self, file: Path, stack: str) -> None:
        """Create or update the services in a stack file; those of the stack that it does not have stay."""
        options = ["--detach=true", "--resolve-image", "never", "--compose-file", str(file)]
        self._output(["stack", "deploy", *options, stack], CHANGE_SECONDS, CREATOR_MARK)

    def scale(self, services: Sequence[str], replicas: int) -> None:
        """Let services run, or not: 1 or 0 replicas."""
        if services:
            wanted = [f"{name}={replicas}" for name in services]
            self._output(["service", "scale", "--detach=true", *wanted], CHANGE_SECONDS)

    def labelled(self, label: str) -> dict[str, list[str]]:
        """Return the names of what the manager has with `label` (KEY=VALUE), by kind: service, config, and so on."""
        jobs = [partial(self._output, [kind, "ls", "--filter", f"label={label}", "--format", NAMES]) for kind in KINDS]
        return dict(zip(KINDS, map(str.split, run_all(jobs, len(jobs))), strict=True))

    def remove_services(self, names: Sequence[str]) -> None:
        """Remove services; one that does not exist is no error."""
        if names:
            self._remove(["service", "rm"], names)

    def remove_labelled(self, objects: Mapping[str, Sequence[str]]) -> None:
        """Remove what `labelled` returned. One that is gone already, or a network in use, is no error."""
        for kind in KINDS:
            if objects[kind]:
                self._remove([kind, "rm"], objects[kind])


def engine_of(place: Place, manager: str = "", mark: str = "labctl") -> Engine:
    """Return the engine of a node of the swarm; `manager` is the pin of the manager's engine, `mark` as of Engine."""
    return Engine(mark, f"DOCKER_HOST={place.engine}" if place.engine else manager)


def docker_command(place: Place) -> str:
    """Return how a person calls docker for the engine of a node of the swarm."""
    return f"docker -H {place.engine}" if place.engine else "docker"


def _node(inspected: Mapping[str, Any], *, own: bool) -> SwarmNode:
    spec, status = inspected["Spec"], inspected["Status"]
    labels = spec.get("Labels") or {}
    address = str(status.get("Addr") or "")
    if address in ANY_ADDRESS:
        address = urlsplit(f"tcp://{inspected.get('ManagerStatus', {}).get('Addr', '')}").hostname or address
    hindrance = "" if status["State"] == "ready" else f"is {status['State']}"
    if not hindrance and spec["Availability"] != "active":
        hindrance = {"drain": "is drained", "pause": "is paused"}[spec["Availability"]]
    return SwarmNode(
        Place(
            id=inspected["ID"],
            name=inspected["Description"]["Hostname"],
            address=address,
            engine=labels.get(ENGINE_LABEL) or ("" if own else f"ssh://{address}"),
            rack=labels.get(RACK_LABEL, ""),
        ),
        manager="ManagerStatus" in inspected,
        roles=tuple(filter(None, labels.get(ROLES_LABEL, "").split(","))),
        memory=int(inspected["Description"]["Resources"]["MemoryBytes"]),
        hindrance=hindrance,
    )
