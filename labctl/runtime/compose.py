"""The compose runtime: every node a container of Docker Engine, from the rendered docker-compose.yml."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from labctl.errors import HostError, RuntimeFailed, SpecError
from labctl.kafka_client import load_library
from labctl.parallel import run_all
from labctl.plan import MEBIBYTE, LabPlan
from labctl.render import CLUSTER_LABEL, COMPOSE_FILE, container_name, project_name, ui_container
from labctl.runtime.base import Completed, NodeState, Progress
from labctl.runtime.container import Container
from labctl.runtime.engine import UNNAMED, Engine, load_client, moment

STOP_SECONDS = 10
DOWN_SECONDS = 60
HELD_SECONDS = 2  # what is still there then has another reason than that docker is at it
LET_GO = {"network": "docker network disconnect -f {name} {holder}", "volume": "docker rm -f {holder}"}
PAUSE_SECONDS = 0.1


class ComposeRuntime:
    """Nodes as containers. `files` is the folder of the plan's rendered files."""

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._file = files / COMPOSE_FILE
        self._progress = progress
        self._engine = Engine(mark=plan.state, pin=plan.engine)
        self._containers = {node.name: container_name(plan, node) for node in plan.nodes}
        self._volumes = [f"{project_name(plan)}_{node.name}-data" for node in plan.nodes]
        self._page = [ui_container(plan.name)] if plan.ui.kind == "kafbat" else []
        self._label = f"{CLUSTER_LABEL}={plan.cluster_id}"

    def prepare(self) -> None:
        """Pull the image where `kafka.pull` says so, and refuse what would be in the way."""
        images = [self._plan.image, *filter(None, [self._plan.ui.image])]
        questions: list[Callable[[], object]] = [
            *(partial(self._engine.has_image, image) for image in images),
            self._refuse_foreign_containers,
            self._refuse_foreign_volumes,
            load_client,
        ]
        for image, here in zip(images, run_all(questions, len(questions)), strict=False):
            if not here or self._plan.pull == "always":
                self._pull(image)

    def up(self) -> None:
        """Create and start the containers that don't run."""
        load_library()  # passes while docker works
        self._engine.compose_up(self._file)

    def revive(self, node: str) -> bool:
        """There is no surer way than the image's own."""
        return False

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the containers at once; their volumes stay."""
        wanted = {self._container(name) for name in names} or set(self._containers.values())
        states = {self._containers[node.name]: node.state for node in self.nodes()}
        running = [container for container, state in states.items() if container in wanted and state == "running"]
        running += [] if names else list(self._engine.containers(self._page))
        if running:
            self._engine.stop(running, STOP_SECONDS)

    def down(self) -> list[str]:
        """Remove containers, volumes and network at once: nothing is gained by asking Kafka first."""
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
        """What inspect tells of each container, and `docker top` of its processes' memory."""
        seen = self._engine.containers(list(self._containers.values()))
        states = [_state(node.name, seen.get(self._containers[node.name]), self._plan) for node in self._plan.nodes]
        return run_all([partial(self._with_memory, state) for state in states], len(states)) if memory else states

    def ui(self) -> NodeState | None:
        """Kafbat's container, where the lab has one."""
        seen = self._engine.containers(self._page) if self._page else {}
        states = [self._with_memory(_state(name, seen.get(name), self._plan)) for name in self._page]
        return states[0] if states else None

    def versions(self) -> dict[str, str]:
        """The engine's and Compose's."""
        engine, compose = run_all([self._engine.version, self._engine.compose_version], 2)
        return {"Docker Engine": engine, "Docker Compose": compose, "image": self._plan.image}

    def inspect(self, node: str) -> str:
        """`docker inspect` of the container."""
        seen = self._engine.containers([self._container(node)])
        return json.dumps(list(seen.values()), indent=2)

    def logs(self, node: str, *, tail: int | None) -> str:
        """What the container said; nothing where it is gone."""
        container = self._container(node)
        return self._engine.logs(container, tail) if self._engine.containers([container]) else ""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """What the container says, as it comes."""
        yield from self._engine.follow_logs(self._container(node), tail)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program in the container; ended there after `seconds`."""
        return Container(self._engine, self._container(node)).exec(argv, stdin, seconds)

    def attach(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program in the container on this terminal."""
        return Container(self._engine, self._container(node)).attach(argv, tty=tty)

    # -- what is where -----------------------------------------------------

    def _pull(self, image: str) -> None:
        if self._plan.pull == "never":
            own = ", or make an image of your own: labctl image build" if image == self._plan.image else ""
            raise HostError(
                f"the image {image} is not here, and kafka.pull is never",
                f"docker pull {image}{own}",
                "image-not-here",
            )
        self._progress.note(f"pulling {image}")
        self._engine.pull(image)

    def _with_memory(self, state: NodeState) -> NodeState:
        if state.state != "running":
            return state
        return replace(state, memory=self._engine.resident(self._containers.get(state.name, state.name)))

    def _refuse_foreign_containers(self) -> None:
        """A container of another maker with one of our names is nobody's to touch."""
        for name, seen in self._engine.containers([*self._containers.values(), *self._page]).items():
            labels = seen["Config"].get("Labels") or {}
            if labels.get(CLUSTER_LABEL) != self._plan.cluster_id:
                other = labels.get("labctl.lab")
                maker = f"the lab {other} of another user or state folder" if other else "somebody else, not labctl"
                raise HostError(
                    f"there is a container {name} in the way, made by {maker}",
                    f"docker rm -f {name} takes it away for good; or give this lab another name: labctl up --name NAME",
                    "foreign-container",
                )

    def _refuse_foreign_volumes(self) -> None:
        """Kafka would come up with the data, and under the cluster id, of whoever made the volume."""
        for name, seen in self._engine.volumes(self._volumes).items():
            if (seen.get("Labels") or {}).get(CLUSTER_LABEL) != self._plan.cluster_id:
                raise HostError(
                    f"there is a volume {name} in the way, with the data of another cluster",
                    f"docker volume rm {name} takes it away for good; or give this lab another name: "
                    "labctl up --name NAME",
                    "foreign-volume",
                )

    def _refuse_what_stays(self, found: dict[str, list[str]], seconds: float) -> None:
        """Raise where a container that is not ours to remove holds a network or volume, or after DOWN_SECONDS."""
        if seconds > HELD_SECONDS:
            for kind in ("network", "volume"):
                for name in found[kind]:
                    others = sorted(set(self._engine.holders(kind, name)) - set(found["container"]))
                    if others:
                        ways = [LET_GO[kind].format(name=name, holder=holder) for holder in others]
                        raise HostError(
                            f"the lab's {kind} {name} is in use by {' and '.join(others)}, not of this lab",
                            f"{'; '.join(ways)}; then labctl down again",
                            "held",
                        )
        if seconds > DOWN_SECONDS:
            left = ", ".join(f"{kind} {name}" for kind, names in found.items() for name in names)
            raise RuntimeFailed("labctl down", None, f"still there: {left}", "labctl down again")

    def _container(self, node: str) -> str:
        if node not in self._containers:
            raise SpecError([f"there is no node {node}; there are {', '.join(self._containers)}"])
        return self._containers[node]


def _state(name: str, seen: dict[str, Any] | None, plan: LabPlan) -> NodeState:
    if seen is None or seen["State"]["Status"] in {"removing", "dead"}:  # docker rm ends it before it is gone
        return NodeState(name, "missing")
    state = seen["State"]
    if state["Status"] in {"running", "paused", "restarting"}:
        return NodeState(name, "running", reason="frozen: docker paused it" if state["Status"] == "paused" else "")
    code = int(state["ExitCode"])
    if state.get("OOMKilled"):
        limit = int(seen["HostConfig"].get("Memory", 0)) // MEBIBYTE
        reason = f"OOM-killed: it wanted more than its memory limit of {limit} MiB, heap {plan.heap}"
    else:
        reason = str(state.get("Error") or "") or f"exit code {code}"
    return NodeState(name, "exited", code, reason, ended=_seconds(state.get("FinishedAt", "")))


def _seconds(told: str) -> float | None:
    """A moment in seconds since 1970; docker's year 1 means never."""
    seconds = moment(told).timestamp() if told else 0.0
    return seconds if seconds > 0 else None
