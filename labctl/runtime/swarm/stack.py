"""The swarm runtime: every node is a service of one stack, and its data a volume of one node of the swarm."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labctl.errors import HostError, LabError, LabStopped, RuntimeFailed
from labctl.kafka.security_settings import secrets_folder
from labctl.plan.model import LabPlan, Place
from labctl.runtime.base import FROZEN, ISOLATED, Completed, NodeState, Progress
from labctl.runtime.docker.container import Container
from labctl.runtime.docker.container_state import container_state
from labctl.runtime.docker.engine import Engine
from labctl.runtime.swarm.engine import SwarmEngine, engine_of
from labctl.runtime.swarm.fitness import require_fit_swarm
from labctl.runtime.swarm.removal import remove_stack
from labctl.runtime.swarm.stack_file import (
    anchor_name,
    digest,
    service_name,
    stack_file,
    stack_name,
    used_places,
    volume_name,
)
from labctl.runtime.swarm.tasks import about_to_vanish, cant_start, container_id, decisive_task, has_ended, task_state
from labctl.system.files import write_whole
from labctl.system.parallel import run_all, run_pair

DEPLOYED_FILE = "docker-stack.deployed.yml"
STOP_SECONDS = 10  # as stop_grace_period in the stack file
END_SECONDS = 30  # to a node of the swarm and back
PENDING_SECONDS = 10  # a port may belong to a task that is about to end
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """A node as the swarm has it: its state, and its container on the engine of its place, "" where there is none."""

    state: NodeState
    engine: Engine
    container: str = ""


class SwarmRuntime:
    """Nodes as services. `files` is the folder of the plan's rendered files.

    Each method raises SpecError for a node that the plan does not have, HostError and RuntimeFailed as Engine.
    """

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._files = files
        self._progress = progress
        self._manager = SwarmEngine(plan.state, plan.engine)
        self._engines = {place: engine_of(place, plan.engine, plan.state) for place in used_places(plan)}
        self._services = {node.name: service_name(plan, node.name) for node in plan.nodes}

    def prepare(self) -> None:
        """Pull the image on each node of the swarm that lacks it, where `kafka.pull` says so.

        Raises HostError for a node of the swarm that is away, lacks the image or has too little memory, for a port that
        is in use there, and for a stack of this name that is not this lab's.
        """
        require_fit_swarm(self._plan, self._manager, self._engines, self._services, self._progress)
        if self._plan.security is None:
            hosts = " and ".join(self._plan.host_addresses.values())
            self._progress.note(f"every machine that reaches {hosts} can use this Kafka; --preset secure has passwords")

    def up(self, names: Sequence[str] = ()) -> None:
        """Create and start the services of the nodes called `names` (all where there are none) that don't run.

        Raises HostError where no node of the swarm can start one.
        """
        for name in names:
            self._plan.node(name)
        running = {state.name for state in self.nodes() if state.state == "running"}
        wanted = [name for name in names or self._plan.node_names if name not in running]
        if not wanted:
            return
        file = self._files / DEPLOYED_FILE
        try:
            write_whole(file, stack_file(self._plan, wanted, self._images(wanted), self._secrets_checksum()))
            self._manager.deploy(file, stack_name(self._plan))
        finally:
            file.unlink(missing_ok=True)
        self._await_places([self._services[name] for name in wanted])

    def start_again(self, node: str) -> bool:
        """Return False: Swarm itself starts a node again that ended."""
        self._plan.node(node)
        return False

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the containers, and let the services run no task; their volumes stay.

        Swarm itself would take the name of a node away two seconds before it tells the node to stop: then the others
        can't reach it while it hands over what it leads.
        """
        found = self._found(names)
        self._wake(found)
        running = {name: each for name, each in found.items() if each.state.state == "running" and each.container}
        self._each(running, lambda each: each.engine.stop([each.container], STOP_SECONDS))
        services = [self._services[name] for name, each in found.items() if each.state.state != "missing"]
        if services and not names:
            services += [service_name(self._plan, anchor_name(place)) for place in used_places(self._plan)]
        self._manager.scale(services, 0)
        self._await_ends(services)

    def kill(self, names: Sequence[str]) -> None:
        """Send SIGKILL to the containers, and let Swarm start no others."""
        running = self._running(names)
        self._wake(running)
        self._each(running, lambda each: each.engine.kill([each.container]))
        self._manager.scale([self._services[name] for name in running], 0)

    def pause(self, names: Sequence[str]) -> None:
        """Pause the containers."""
        working = {name: each for name, each in self._running(names).items() if each.state.hindrance != FROZEN}
        self._each(working, lambda each: each.engine.pause([each.container]))

    def isolate(self, names: Sequence[str]) -> None:
        """Disconnect the containers from the lab's network."""
        working = {name: each for name, each in self._running(names).items() if each.state.hindrance != ISOLATED}
        self._each(working, lambda each: each.engine.disconnect(self._plan.network, each.container))

    def resume(self, names: Sequence[str]) -> None:
        """Unpause the containers, and connect them to the lab's network again."""
        self._wake(self._running(names))

    def remove(self, names: Sequence[str]) -> None:
        """Remove the services and their volumes."""
        self.stop(names)
        self._manager.remove_services([self._services[name] for name in names])
        for name in names:
            self._engine_of(name).remove({"volume": [volume_name(self._plan, name)]})

    def down(self) -> list[str]:
        """Remove everything of the lab in the swarm, and on each of its nodes; return what was removed.

        The data is removed anyway, so Kafka need not stop first. Raises HostError with the nodes of the swarm that are
        out of reach: what they have is removed by `down` again. RuntimeFailed after its deadline.
        """
        return remove_stack(self._plan, self._manager, self._engines, self._progress)

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """Return what docker inspect says of each node's container, else what the manager says of its task."""
        found = list(self._found().values())
        if not memory:
            return [each.state for each in found]
        return run_all([partial(_with_memory, each) for each in found], len(found))

    def ui(self) -> NodeState | None:
        """Return None: the lab page runs on labctl's machine."""
        return None

    def versions(self) -> dict[str, str]:
        """Return the versions of the manager's engine, the number of the swarm's nodes, and the image."""
        engine, nodes = run_pair(self._manager.version, self._manager.nodes)
        return {"Docker Engine": engine.version, "nodes of the swarm": str(len(nodes)), "image": self._plan.image}

    def inspect(self, node: str) -> str:
        """Return what the manager knows of the service and its tasks, and the engine of its container."""
        service = self._services[self._plan.node(node).name]
        each = self._found([node])[node]
        containers = each.engine.containers([each.container]) if each.container else {}
        known = [*self._manager.services([service]).values(), *self._manager.tasks([service]), *containers.values()]
        return json.dumps(known, indent=2)

    def logs(self, node: str, *, tail: int | None) -> str:
        """Return the log of the node's newest container; "" where there is none."""
        each = self._found([node])[self._plan.node(node).name]
        return each.engine.logs(each.container, tail) if each.container else ""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Yield the lines of the container's log as they are written. Raises LabStopped where there is none."""
        each = self._with_container(node)
        yield from each.engine.follow_logs(each.container, tail)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program in the container, for `seconds` at most, and return its output.

        Raises LabStopped where there is none.
        """
        each = self._with_container(node)
        return Container(each.engine, each.container).exec(argv, stdin, seconds)

    def exec_interactive(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program in the container on this terminal, and return its exit code. Raises LabStopped."""
        each = self._with_container(node)
        return Container(each.engine, each.container).exec_interactive(argv, tty=tty)

    # -- parts -------------------------------------------------------------

    def _found(self, names: Sequence[str] = ()) -> dict[str, Found]:
        """The nodes called `names`, all where there are none. Raises SpecError for an unknown node."""
        wanted = [self._plan.node(name).name for name in names] or self._plan.node_names
        services = self._manager.services([self._services[name] for name in wanted])
        tasks = self._manager.tasks(list(services))
        jobs = [partial(self._examined, name, services.get(self._services[name]), tasks) for name in wanted]
        return dict(zip(wanted, run_all(jobs, len(jobs)), strict=True))

    def _examined(self, name: str, service: Mapping[str, Any] | None, tasks: Sequence[Mapping[str, Any]]) -> Found:
        engine = self._engine_of(name)
        if service is None:
            return Found(NodeState(name, "missing"), engine)
        task = decisive_task(service, [task for task in tasks if task["ServiceID"] == service["ID"]])
        container = container_id(task)
        try:
            inspected = next(iter(engine.containers([container]).values()), None) if container else None
        except LabError as error:  # the manager knows more of a node of the swarm that is away
            return Found(replace(task_state(name, task), reason=error.message.splitlines()[0]), engine)
        if inspected is None:
            return Found(task_state(name, task), engine)
        return Found(container_state(name, inspected, self._plan), engine, container)

    def _running(self, names: Sequence[str]) -> dict[str, Found]:
        return {
            name: each for name, each in self._found(names).items() if each.state.state == "running" and each.container
        }

    def _with_container(self, node: str) -> Found:
        each = self._found([node])[node]
        if not each.container:
            raise LabStopped(f"the node {node} has no container: {each.state.reason or each.state.state}", "labctl up")
        return each

    def _wake(self, found: Mapping[str, Found]) -> None:
        for name, each in found.items():
            if each.state.hindrance == FROZEN:
                each.engine.unpause([each.container])
            elif each.state.hindrance == ISOLATED:
                each.engine.connect(self._plan.network, each.container, name)

    @staticmethod
    def _each(found: Mapping[str, Found], change: Callable[[Found], object]) -> None:
        run_all([partial(change, each) for each in found.values()], max(1, len(found)))

    def _engine_of(self, node: str) -> Engine:
        place = self._plan.node(node).place
        return self._engines[place] if place else self._manager

    def _images(self, names: Sequence[str]) -> dict[Place, str]:
        """The id of the image on each node of the swarm that runs nodes called `names`."""
        places = list(dict.fromkeys(node.place for node in self._plan.nodes if node.place and node.name in names))
        jobs = [partial(self._engines[place].image_id, self._plan.image) for place in places]
        return {place: found or self._plan.image for place, found in zip(places, run_all(jobs, len(jobs)), strict=True)}

    def _secrets_checksum(self) -> str:
        """The checksum of all the nodes' secrets."""
        files = sorted(path for path in (secrets_folder(self._plan) / "nodes").rglob("*") if path.is_file())
        return digest(b"\0".join(path.read_bytes() for path in files)) if files else ""

    def _await_places(self, services: Sequence[str]) -> None:
        """Wait until a node of the swarm has each task. Raises HostError with the reason why none can have it."""
        give_up = time.monotonic() + PENDING_SECONDS
        while reasons := self._waiting(services):
            if time.monotonic() > give_up:
                name, reason = next(iter(reasons.items()))
                raise HostError(
                    f"no node of the swarm can start {name.removeprefix(stack_name(self._plan) + '_')}: {reason}",
                    f"docker service ps {name} shows more",
                    "swarm-node-away",
                )
            time.sleep(PAUSE_SECONDS)

    def _waiting(self, services: Sequence[str]) -> dict[str, str]:
        """Why the newest task of each service that waits can't start."""
        names = {service["ID"]: name for name, service in self._manager.services(services).items()}
        newest: dict[str, Mapping[str, Any]] = {}
        for task in self._manager.tasks(services):
            newest.setdefault(names.get(task["ServiceID"], ""), task)
        return {name: reason for name, task in newest.items() if (reason := cant_start(task))}

    def _await_ends(self, services: Sequence[str]) -> None:
        give_up = time.monotonic() + END_SECONDS
        while left := [task for task in self._manager.tasks(services) if not has_ended(task) or about_to_vanish(task)]:
            if time.monotonic() > give_up:
                names = {node.place.id: node.place.name for node in self._manager.nodes()}
                where = sorted({names.get(task.get("NodeID", ""), "no node") for task in left})
                raise RuntimeFailed(
                    "docker service scale", None, f"tasks on {', '.join(where)} have not ended", "docker node ls"
                )
            time.sleep(PAUSE_SECONDS)


def _with_memory(each: Found) -> NodeState:
    if each.state.state != "running" or not each.container:
        return each.state
    return replace(each.state, memory=each.engine.rss_bytes(each.container))
