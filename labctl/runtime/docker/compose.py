"""The compose runtime: every node is a container of a Docker Engine, from the rendered docker-compose.yml."""

from __future__ import annotations

import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from labctl.engine_kinds import ENGINE_KINDS
from labctl.errors import HostError, RuntimeFailed
from labctl.kafka.client import load_library
from labctl.kafka.server_log import TAIL, is_ending
from labctl.plan.model import LabPlan
from labctl.plan.planner import KAFBAT_SERVICE
from labctl.runtime.base import FROZEN, ISOLATED, Completed, NodeState, Progress
from labctl.runtime.connect_plugins import place_plugins
from labctl.runtime.docker.compose_file import COMPOSE_FILE, project_name
from labctl.runtime.docker.container import Container
from labctl.runtime.docker.container_state import container_state
from labctl.runtime.docker.engine import UNNAMED, Engine, load_client
from labctl.runtime.docker.foreign import refuse_foreign_users, refuse_foreign_volumes
from labctl.runtime.docker.node_container import CLUSTER_LABEL
from labctl.runtime.docker.unrecorded import LABELS, removal_commands
from labctl.service_kinds import SERVICES
from labctl.system.archives import owned_by
from labctl.system.files import file_errors
from labctl.system.host import require_engine_memory
from labctl.system.parallel import run_all, run_pair

STOP_SECONDS = 10
WORKERS = 5
DOWN_SECONDS = 60
IN_USE_SECONDS = 2  # what still exists then has another reason than docker being slow
PAUSE_SECONDS = 0.1
NODE_USER, SERVICE_USER = 1000, 0  # appuser of apache/kafka's image; root, as the rendered file says
OTHER_SPACE = "free some space, or fix the folder"
BUILD = "labctl image build"
CONNECT = SERVICES["connect"].name


class ComposeRuntime:
    """Nodes as containers. `files` is the folder of the plan's rendered files.

    Each method raises SpecError for a node that the plan does not have, HostError and RuntimeFailed as Engine.
    """

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._file = files / COMPOSE_FILE
        self._progress = progress
        self._engine = Engine(plan.state, plan.engine, plan.engine_kind)
        self._containers = {node.name: node.container for node in plan.nodes}
        self._containers |= {service.name: service.container for service in plan.services}
        self._volumes = [f"{project_name(plan)}_{name}-data" for name in self._containers]
        self._page = [plan.ui.container] if plan.ui.container else []
        self._found: set[str] = set()  # the nodes that `prepare` found running, and that nobody stopped since
        self._examined = False  # whether `up` waited for those that were about to end
        self._label = f"{CLUSTER_LABEL}={plan.cluster_id}"

    def prepare(self) -> None:
        """Pull the image where `kafka.pull` says so.

        Raises HostError for foreign containers and volumes with our names, for an image that may not be pulled, and for
        an engine with too little memory of its own.
        """
        services = [service.image for service in self._plan.services]
        images = list(filter(None, [self._plan.image, self._plan.ui.image, *services]))
        if not any(state.name == CONNECT and state.state == "running" for state in self.services()):
            place_plugins(self._plan, self._progress)
        jobs: list[Callable[[], object]] = [
            *(partial(self._engine.has_image, image) for image in images),
            self._examine_containers,
            self._refuse_foreign_volumes,
            load_client,
        ]
        results = run_all(jobs, len(jobs))
        if not self._plan.engine_shares_memory and not self._found:
            heaps = [service.heap for service in self._plan.services]
            require_engine_memory(len(self._plan.nodes), self._plan.heap, self._engine.memory(), services=heaps)
        for image, present in zip(images, results, strict=False):
            if not present or self._plan.pull == "always":
                self._pull(image)

    def up(self, names: Sequence[str] = ()) -> None:
        """Create and start the containers of the nodes and services called `names` (of all where there are none).

        Those that run stay. A node that is about to end is waited for.
        """
        for name in names:
            self._container(name)
        if self._found and not self._examined:
            self._found -= self._await_ending()
        self._examined = True
        load_library()  # while docker works
        services = names or self._ended_services()
        if services or not self._found:
            self._engine.compose_up(self._file, services)

    def start_again(self, node: str) -> bool:
        """Start a node that ended, once, where `up` found it running; return whether it was started."""
        if node not in self._found:
            return False
        self._found.discard(node)
        self._progress.note(f"node {node} ended just now: starting it again")
        self.up()
        return True

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the containers in parallel; their volumes stay."""
        self._found -= set(names or self._found)
        services = [service.name for service in self._plan.services if not names or service.name in names]
        nodes = [name for name in names if name not in services]
        running = [] if services and names and not nodes else self._running_containers(nodes)
        running += list(self._engine.containers([self._containers[name] for name in services]))
        running += [] if names else list(self._engine.containers(self._page))
        if running:
            self._engine.stop(running, STOP_SECONDS)

    def kill(self, names: Sequence[str]) -> None:
        """Send SIGKILL to the containers."""
        self._found -= set(names)
        self._engine.kill(self._running_containers(names))

    def pause(self, names: Sequence[str]) -> None:
        """Pause the containers."""
        running = [state for state in self._states(names) if state.state == "running" and state.hindrance != FROZEN]
        self._engine.pause([self._containers[state.name] for state in running])

    def isolate(self, names: Sequence[str]) -> None:
        """Disconnect the containers from the lab's network."""
        for state in self._states(names):
            if state.state == "running" and state.hindrance != ISOLATED:
                self._engine.disconnect(self._plan.network, self._containers[state.name])

    def resume(self, names: Sequence[str]) -> None:
        """Unpause the containers, and connect them to the lab's network again."""
        self._wake(self._states(names))

    def remove(self, names: Sequence[str]) -> None:
        """Remove the containers and their volumes."""
        containers = [self._container(name) for name in names]
        volumes = [f"{project_name(self._plan)}_{name}-data" for name in names]
        self._engine.remove({"container": containers, "volume": volumes})

    def save_data(self, name: str, into: Path) -> None:
        """Copy the volume of a node or service out of its container. Raises HostError where a file can't be written."""
        container = self._container(name)
        with file_errors(into, OTHER_SPACE):
            into.mkdir(parents=True)
            self._engine.copy_from(container, self._data_folder(name), into)

    def load_data(self, name: str, source: Path) -> None:
        """Create the container and the volume of a node or service again, and copy the folder into the volume."""
        container, folder = self._container(name), PurePosixPath(self._data_folder(name))
        user = NODE_USER if name in self._plan.node_names else SERVICE_USER
        with file_errors(source.parent, OTHER_SPACE), tempfile.TemporaryFile(dir=source.parent) as packed:
            with tarfile.open(fileobj=packed, mode="w") as file:
                file.add(source, folder.name, filter=partial(owned_by, user))
            packed.seek(0)
            self.remove([name])  # not before: what can't be packed would be lost
            self._engine.compose_create(self._file, [name])
            self._engine.copy_into(container, str(folder.parent), packed)

    def down(self) -> list[str]:
        """Remove containers, volumes and network at once, and return what was removed.

        The data is removed anyway, so Kafka need not stop first. Raises HostError where a container of somebody
        else uses them, RuntimeFailed after DOWN_SECONDS.
        """
        self._engine.end_commands()
        removed: list[str] = []
        began = time.monotonic()
        while any((found := self._engine.objects(self._label, self._volumes)).values()):
            self._refuse_what_stays(found, time.monotonic() - began)
            if removed:
                time.sleep(PAUSE_SECONDS)
            self._engine.remove(found)
            named = [f"{kind} {name}" for kind, names in found.items() if kind != UNNAMED for name in names]
            removed += [text for text in named if text not in removed]
        return removed

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """Return what docker inspect says of each container, and `docker top` of its processes' memory."""
        return self._observed(self._plan.node_names, memory=memory)

    def services(self) -> list[NodeState]:
        """Return the same of each service's container."""
        return self._observed([service.name for service in self._plan.services], memory=True)

    def ui(self) -> NodeState | None:
        """Return Kafbat's container, where the lab has one."""
        inspected = self._engine.containers(self._page) if self._page else {}
        states = [self._with_memory(container_state(name, inspected.get(name), self._plan)) for name in self._page]
        return states[0] if states else None

    def versions(self) -> dict[str, str]:
        """Return the versions of the engine and of Compose, and the image."""
        engine, compose = run_pair(self._engine.version, self._engine.compose_version)
        title = ENGINE_KINDS[engine.kind].title
        return {title: engine.version, "Docker Compose": compose, "image": self._plan.image}

    def inspect(self, node: str) -> str:
        """Return `docker inspect` of the container."""
        inspected = self._engine.containers([self._container(node)])
        return json.dumps(list(inspected.values()), indent=2)

    def logs(self, node: str, *, tail: int | None) -> str:
        """Return the container's log; "" where the container is missing."""
        container = self._container(node)
        return self._engine.logs(container, tail) if self._engine.containers([container]) else ""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Yield the lines of the container's log as they are written."""
        yield from self._engine.follow_logs(self._container(node), tail)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program in the container, for `seconds` at most, and return its outcome."""
        return Container(self._engine, self._container(node)).exec(argv, stdin, seconds)

    def exec_interactive(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program in the container on this terminal, and return its exit code."""
        return Container(self._engine, self._container(node)).exec_interactive(argv, tty=tty)

    # -- parts -------------------------------------------------------------

    def _data_folder(self, name: str) -> str:
        """The data folder of a node or service, inside its container."""
        folders = {node.name: node.data_folder for node in self._plan.nodes}
        folders |= {service.name: service.data_folder for service in self._plan.services}
        return folders[self._plan.require_part(name)]

    def _observed(self, names: Sequence[str], *, memory: bool) -> list[NodeState]:
        """The states of the containers of nodes or services."""
        if not names:
            return []
        inspected = self._engine.containers([self._containers[name] for name in names])
        states = [container_state(name, inspected.get(self._containers[name]), self._plan) for name in names]
        return run_all([partial(self._with_memory, state) for state in states], len(states)) if memory else states

    def _states(self, names: Sequence[str]) -> list[NodeState]:
        """The states of the nodes called `names`, of all where there are none. Raises SpecError for an unknown node."""
        wanted = {self._container(name) for name in names}
        return [state for state in self.nodes() if not wanted or self._containers[state.name] in wanted]

    def _running_containers(self, names: Sequence[str]) -> list[str]:
        """The containers that run, first unpaused and connected again: Docker neither stops nor kills a frozen one."""
        states = self._states(names)
        self._wake(states)
        return [self._containers[state.name] for state in states if state.state == "running"]

    def _wake(self, states: Sequence[NodeState]) -> None:
        self._engine.unpause([self._containers[state.name] for state in states if state.hindrance == FROZEN])
        for state in states:
            if state.hindrance == ISOLATED:
                self._engine.connect(self._plan.network, self._containers[state.name], state.name)

    def _ended_services(self) -> list[str]:
        """The services that don't run, where some do: Compose would create all that have other settings at once."""
        if not self._found:
            return []
        page = self.ui()
        parts = self._observed(self._plan.part_names, memory=False)
        ended = [state.name for state in parts if state.state != "running"]
        return ended + ([KAFBAT_SERVICE] if page and page.state != "running" else [])

    def _running(self) -> set[str]:
        return {state.name for state in self.nodes() if state.state == "running"}

    def _await_ending(self) -> set[str]:
        """Wait for the nodes that received a signal to end, and return those that did."""
        running = sorted(self._found)
        logs = run_all([partial(self.logs, name, tail=TAIL) for name in running], WORKERS)
        ending = {name for name, log in zip(running, logs, strict=True) if is_ending(log)}
        if ending:
            self._progress.note(f"{', '.join(sorted(ending))} is about to end: waiting, then starting it again")
        give_up = time.monotonic() + STOP_SECONDS
        while (left := ending & self._running()) and time.monotonic() < give_up:
            time.sleep(PAUSE_SECONDS)
            # the log of a node that starts just now still ends with the end of its last run
            ending -= {name for name in left if not is_ending(self.logs(name, tail=TAIL))}
        return ending - left

    def _pull(self, image: str) -> None:
        if self._plan.pull == "never":
            registry = self._plan.service("schema_registry")
            builds = {registry.image: f"{BUILD} --service schema-registry"} if registry else {}
            builds[self._plan.image] = BUILD
            own = f", or build an image yourself: {builds[image]}" if image in builds else ""
            raise HostError(
                f"the image {image} is not present, and kafka.pull is never",
                f"docker pull {image}{own}",
                "image-not-here",
            )
        self._progress.note(f"pulling {image}")
        self._engine.pull(image)

    def _with_memory(self, state: NodeState) -> NodeState:
        if state.state != "running":
            return state
        return replace(state, memory=self._engine.rss_bytes(self._containers.get(state.name, state.name)))

    def _examine_containers(self) -> None:
        """Keep which nodes run. Raises HostError for a container with one of our names that this lab did not create."""
        there = self._engine.containers([*self._containers.values(), *self._page])
        states = [container_state(node.name, there.get(node.container), self._plan) for node in self._plan.nodes]
        self._found = {state.name for state in states if state.state == "running"}
        labels = {name: inspected["Config"].get("Labels") or {} for name, inspected in there.items()}
        foreign = [name for name, mine in labels.items() if mine.get(CLUSTER_LABEL) != self._plan.cluster_id]
        if foreign:
            lab, file, cluster = (labels[foreign[0]].get(label) for label in LABELS)
            if lab and cluster and file == str(self._file):
                raise HostError(
                    f"lab.json of the lab {lab} is lost or can't be read, and its container {foreign[0]} is there",
                    f"if it is yours, remove it: {removal_commands({cluster})}",
                    "foreign-container",
                )
            creator = f"the lab {lab} of another user or state folder" if lab else "somebody else, not labctl"
            raise HostError(
                f"there is already a container {foreign[0]}, created by {creator}",
                f"docker rm -f {foreign[0]} removes it for good; or give this lab another name: labctl up --name NAME",
                "foreign-container",
            )

    def _refuse_foreign_volumes(self) -> None:
        try:
            refuse_foreign_volumes(self._engine, self._volumes, self._plan.cluster_id)
        except HostError:
            self._examine_containers()  # one that uses it says more
            raise

    def _refuse_what_stays(self, found: dict[str, list[str]], seconds: float) -> None:
        """Raise where a container of somebody else uses a network or volume of the lab, or after DOWN_SECONDS."""
        if seconds > IN_USE_SECONDS:
            refuse_foreign_users(self._engine, found)
        if seconds > DOWN_SECONDS:
            remaining = ", ".join(f"{kind} {name}" for kind, names in found.items() for name in names)
            raise RuntimeFailed("labctl down", None, f"still there: {remaining}", "run labctl down again")

    def _container(self, node: str) -> str:
        return self._containers[self._plan.require_part(node)]
