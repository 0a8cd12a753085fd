"""The swarm runtime: every node is a service of one stack, and its data a volume of one node of the swarm."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labctl.errors import LabError, LabStopped, RuntimeFailed, SpecError
from labctl.kafka.security_settings import secrets_folder
from labctl.plan.model import LabPlan, Place
from labctl.runtime.base import FROZEN, Completed, NodeState, Progress
from labctl.runtime.docker.container import Container
from labctl.runtime.docker.container_state import container_state
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.node_container import CLUSTER_LABEL
from labctl.runtime.swarm.engine import SwarmEngine, docker_command, engine_of
from labctl.runtime.swarm.fitness import require_fit_swarm
from labctl.runtime.swarm.removal import remove_stack
from labctl.runtime.swarm.stack_file import (
    digest,
    service_name,
    stack_file,
    stack_name,
    used_places,
    volume_name,
)
from labctl.runtime.swarm.tasks import (
    about_to_vanish,
    cant_start,
    container_id,
    decisive_task,
    has_ended,
    has_place,
    task_state,
    was_started,
    why_it_waits,
)
from labctl.system.files import file_errors, write_whole
from labctl.system.parallel import run_all, run_pair
from labctl.wording import first_few

NO_DATA = "the data of a lab in a swarm are on its nodes: it has no snapshots, and can't be exported"

DEPLOYED_FILE = "docker-stack.deployed.yml"
STOP_SECONDS = 10  # as stop_grace_period in the stack file
END_SECONDS = 30  # to a node of the swarm and back
PENDING_SECONDS = 10  # a port may belong to a task that is about to end
START_SECONDS = 30  # half a second is usual
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """A node as the swarm has it: its state, and its container on the engine of its place.

    `container` is "" where there is none, and where the engine does not respond: `away` says why.
    """

    state: NodeState
    engine: Engine
    container: str = ""
    away: LabError | None = None

    def require_container(self) -> str:
        """Return the container of a node that runs. Raises LabError where its engine does not respond, LabStopped."""
        if self.away:
            raise self.away
        if not self.container:
            name, state = self.state.name, self.state
            raise LabStopped(f"the node {name} has no container: {state.reason or state.state}", "labctl up")
        return self.container


class SwarmRuntime:
    """Nodes as services. `files` is the folder of the plan's rendered files.

    Each method raises SpecError for a node that the plan does not have, HostError and RuntimeFailed as Engine.
    """

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._files = files
        self._progress = progress
        self._manager = SwarmEngine(plan.state, plan.engine)
        self._services = {node.name: service_name(plan, node.name) for node in plan.nodes}

    @functools.cached_property
    def _engines(self) -> dict[Place, Engine]:
        """The engines of the nodes of the swarm that the lab uses, as their labels say now."""
        now = {node.place: node.place for node in self._manager.nodes()}
        return {
            place: engine_of(now.get(place, place), self._plan.engine, self._plan.state)
            for place in used_places(self._plan)
        }

    def prepare(self) -> None:
        """Pull the image on each node of the swarm that lacks it, where `kafka.pull` says so.

        Raises HostError for a node of the swarm that is away, lacks the image or has too little memory, for a port that
        is in use there, and for a stack of this name that is not this lab's.
        """
        require_fit_swarm(self._plan, self._manager, self._engines, self._services, self._progress)
        if self._plan.security is None:
            hosts = first_few(list(self._plan.host_addresses.values()))
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
        with file_errors(self._files, "free some space, or change the owner of that folder"):
            write_whole(file, stack_file(self._plan, wanted, self._images(wanted), self._secrets_checksum()))
            try:
                self._manager.deploy(file, stack_name(self._plan))
            finally:
                file.unlink(missing_ok=True)
        self._await_containers([self._services[name] for name in wanted])

    def start_again(self, node: str) -> bool:
        """Return False: Swarm itself starts a node again that ended."""
        self._plan.node(node)
        return False

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the containers, and let the services run no task; their volumes stay.

        Swarm itself would take the name of a node away two seconds before it tells the node to stop: then the others
        can't reach it while it hands over what it leads.
        """
        found = {name: each for name, each in self._found(names).items() if each.state.state != "missing"}
        self._wake(found)
        self._each(found, self._stop_one)
        services = [self._services[name] for name in found]
        if services and not names:
            every = self._manager.labelled(f"{CLUSTER_LABEL}={self._plan.cluster_id}")["service"]
            anchors = [service for service in every if service not in services]
            self._manager.scale(anchors, 0)
            services += anchors
        self._await_ends(services)

    def _stop_one(self, each: Found) -> None:
        """At once: Swarm would start a container again two seconds after its end."""
        try:
            if each.state.state == "running" and each.container:
                each.engine.stop([each.container], STOP_SECONDS)
        finally:
            self._manager.scale([self._services[each.state.name]], 0)

    def kill(self, names: Sequence[str]) -> None:
        """Send SIGKILL to the containers, and let Swarm start no others."""
        running = self._running(names)
        self._wake(running)
        # one that Swarm is about to start has no container yet
        found = {name: each for name, each in running.items() if each.container or each.away}
        self._each(found, lambda each: each.engine.kill([each.require_container()]))
        self._manager.scale([self._services[name] for name in running], 0)

    def pause(self, names: Sequence[str]) -> None:
        """Pause the containers."""
        working = {name: each for name, each in self._running(names).items() if each.state.hindrance != FROZEN}
        self._each(working, lambda each: each.engine.pause([each.require_container()]))

    def isolate(self, names: Sequence[str]) -> None:
        """Raise SpecError: a container that was disconnected does not get its name and its network back."""
        nodes = ", ".join(self._plan.node(name).name for name in names)
        raise SpecError(
            [f"{nodes} can't be isolated: Swarm does not connect a container to its network a second time"],
            "labctl node pause freezes a node; labctl fault breaks the network between clients and brokers",
        )

    def resume(self, names: Sequence[str]) -> None:
        """Unpause the containers."""
        self._wake(self._running(names))

    def remove(self, names: Sequence[str]) -> None:
        """Remove the services and their volumes; a volume on a machine that is away is reported, and stays."""
        self.stop(names)
        self._manager.remove_services([self._services[name] for name in names])
        for name in names:
            volume, place = volume_name(self._plan, name), self._plan.node(name).place
            try:
                self._engine_of(name).remove({"volume": [volume]})
            except LabError as error:
                command = f"{docker_command(place) if place else 'docker'} volume rm {volume}"
                self._progress.note(f"the data of {name} is still there ({error.message.splitlines()[0]}): {command}")

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

    def save_data(self, name: str, into: Path) -> None:
        """Raise SpecError: the data are on the nodes of the swarm."""
        raise SpecError([NO_DATA], "--runtime compose or local")

    def load_data(self, name: str, source: Path) -> None:
        """Raise SpecError: the data are on the nodes of the swarm."""
        raise SpecError([NO_DATA], "--runtime compose or local")

    def services(self) -> list[NodeState]:
        """Return nothing: a lab in a swarm has no services."""
        return []

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
        return each.engine.logs(each.require_container(), tail) if each.container or each.away else ""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Yield the lines of the container's log as they are written. Raises LabStopped where there is none."""
        each = self._found([node])[node]
        yield from each.engine.follow_logs(each.require_container(), tail)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program in the container, for `seconds` at most, and return its output.

        Raises LabStopped where there is none.
        """
        each = self._found([node])[node]
        return Container(each.engine, each.require_container()).exec(argv, stdin, seconds)

    def exec_interactive(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program in the container on this terminal, and return its exit code. Raises LabStopped."""
        each = self._found([node])[node]
        return Container(each.engine, each.require_container()).exec_interactive(argv, tty=tty)

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
        except LabError as error:  # the manager knows how it is
            return Found(task_state(name, task), engine, away=error)
        if inspected is None:
            return Found(task_state(name, task), engine)
        return Found(container_state(name, inspected, self._plan), engine, container)

    def _running(self, names: Sequence[str]) -> dict[str, Found]:
        return {name: each for name, each in self._found(names).items() if each.state.state == "running"}

    def _wake(self, found: Mapping[str, Found]) -> None:
        for each in found.values():
            if each.state.hindrance == FROZEN:
                each.engine.unpause([each.container])

    @staticmethod
    def _each(found: Mapping[str, Found], change: Callable[[Found], object]) -> None:
        run_all([partial(change, each) for each in found.values()], max(1, len(found)))

    def _engine_of(self, node: str) -> Engine:
        place = self._plan.node(node).place
        return self._engines[place] if place else self._manager

    def _images(self, names: Sequence[str]) -> dict[Place, str]:
        """The id of the image on each node of the swarm that runs nodes called `names`."""
        places = used_places(self._plan, names)
        jobs = [partial(self._engines[place].image_id, self._plan.image) for place in places]
        return {place: found or self._plan.image for place, found in zip(places, run_all(jobs, len(jobs)), strict=True)}

    def _secrets_checksum(self) -> str:
        """The checksum of all the nodes' secrets."""
        files = sorted(path for path in (secrets_folder(self._plan) / "nodes").rglob("*") if path.is_file())
        return digest(b"\0".join(path.read_bytes() for path in files)) if files else ""

    def _await_containers(self, services: Sequence[str]) -> None:
        """Wait until each service has a container that was started; for START_SECONDS at most, as readiness waits too.

        Raises HostError with the reason why no node of the swarm can have one.
        """
        began = time.monotonic()
        names = {str(service["ID"]): name for name, service in self._manager.services(services).items()}
        while waiting := {name: task for name, task in self._newest(names).items() if not was_started(task)}:
            seconds = time.monotonic() - began
            name, task = next(iter(waiting.items()))
            if seconds > PENDING_SECONDS and not has_place(task):
                node = name.removeprefix(stack_name(self._plan) + "_")
                raise cant_start(node, why_it_waits(task), f"docker service ps {name}")
            if seconds > START_SECONDS:
                return
            time.sleep(PAUSE_SECONDS)

    def _newest(self, names: Mapping[str, str]) -> dict[str, Mapping[str, Any] | None]:
        """The newest task of each service, {id: name}, by its name; those first that no node of the swarm has."""
        found: dict[str, Mapping[str, Any] | None] = dict.fromkeys(names.values())
        for task in reversed(self._manager.tasks(list(names))):
            found[names[task["ServiceID"]]] = task
        return dict(sorted(found.items(), key=lambda each: has_place(each[1])))

    def _await_ends(self, services: Sequence[str]) -> None:
        give_up = time.monotonic() + END_SECONDS
        while left := self._not_ended(services):
            if time.monotonic() > give_up:
                names = {node.place.id: node.place.name for node in self._manager.nodes()}
                where = sorted({names.get(task.get("NodeID", ""), "no node") for task in left})
                raise RuntimeFailed(
                    "docker service scale", None, f"tasks on {', '.join(where)} have not ended", "docker node ls"
                )
            time.sleep(PAUSE_SECONDS)

    def _not_ended(self, services: Sequence[str]) -> list[Mapping[str, Any]]:
        """The tasks that still run, or that Swarm is about to forget; not those of a machine that is down."""
        left = [task for task in self._manager.tasks(services) if not has_ended(task) or about_to_vanish(task)]
        down = {node.place.id for node in self._manager.nodes() if node.is_down} if left else set()
        return [task for task in left if task.get("NodeID") not in down]


def _with_memory(each: Found) -> NodeState:
    if each.state.state != "running" or not each.container:
        return each.state
    return replace(each.state, memory=each.engine.rss_bytes(each.container))
