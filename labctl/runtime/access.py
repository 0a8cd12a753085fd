"""The runtime of a plan: open it, render its files, validate what it must run."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from labctl.plan.model import Decision, EngineFacts, Identity, LabPlan, NodePlan, Places
from labctl.runtime.base import Progress, Runtime
from labctl.runtime_traits import RUNTIMES
from labctl.system.parallel import run_pair

if TYPE_CHECKING:
    from labctl.runtime.docker.container import Container
    from labctl.spec.model import LabSpec


class RuntimeModule(Protocol):
    """The functions that the module of a runtime has."""

    def open_runtime(self, plan: LabPlan, files: Path, progress: Progress) -> Runtime:
        """Return the runtime of the plan."""

    def render(self, plan: LabPlan) -> dict[str, str]:
        """Return the rendered files."""

    def settings_file(self, plan: LabPlan, node: NodePlan) -> str:
        """Return the server.properties of a node, as a program inside it sees it."""

    def validate(self, spec: LabSpec) -> None:
        """Raise SpecError where this runtime can't run `spec`."""

    def find_engine(self, spec: LabSpec) -> EngineFacts:
        """Return the facts of the engine for the nodes of `spec`."""

    def place_nodes(self, spec: LabSpec, identity: Identity) -> Places:
        """Return where each node of `spec` runs, where that is chosen."""


def open_runtime(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    """Return the runtime of the plan; `files` is the folder of its rendered files."""
    return _module(plan.runtime).open_runtime(plan, files, progress)


def render(plan: LabPlan) -> dict[str, str]:
    """Return the files of the lab: {path in the lab's folder: text}. Same plan, same bytes."""
    return _module(plan.runtime).render(plan)


def settings_file(plan: LabPlan, node: NodePlan) -> str:
    """Return the server.properties of a node, as a program inside it sees it."""
    return _module(plan.runtime).settings_file(plan, node)


def validate(spec: LabSpec, runtime: Decision) -> None:
    """Raise SpecError where `runtime` can't run `spec`. Nothing of this machine is examined."""
    _module(runtime).validate(spec)


def find_engine(runtime: Decision, spec: LabSpec) -> EngineFacts:
    """Return the facts of the engine for the runtime's nodes: the defaults where it needs none.

    Raises HostError where the engine is too old, or outside of the container in which labctl runs, or where a swarm has
    too few nodes; RuntimeFailed.
    """
    return _module(runtime).find_engine(spec)


def place_nodes(spec: LabSpec, runtime: Decision, identity: Identity) -> Places:
    """Return where each node of `spec` runs in a swarm: those of `identity` stay, new ones are added; () elsewhere.

    Raises HostError where the swarm has too few nodes, or no engine responds; RuntimeFailed.
    """
    return _module(runtime).place_nodes(spec, identity)


def containers_below(folder: Path) -> dict[str, dict[str, str]]:
    """Return the containers of all labs with a state folder directly below `folder`: {lab: {container: its cluster}}.

    None where there is no engine. Raises RuntimeFailed where it does not respond in time.
    """
    from labctl.runtime.docker import unrecorded
    from labctl.runtime.swarm.unrecorded import services_below

    containers, services = run_pair(partial(unrecorded.containers_below, folder), partial(services_below, folder))
    return containers | services


def removal_commands(clusters: Collection[str]) -> str:
    """Return the commands that remove what belongs to clusters in Docker. Raises HostError, RuntimeFailed."""
    from labctl.runtime.docker import unrecorded
    from labctl.runtime.swarm.unrecorded import stack_removal_commands

    return "; ".join(filter(None, [*stack_removal_commands(clusters), unrecorded.removal_commands(clusters)]))


def open_container(name: str) -> Container:
    """Return a running container that somebody else started.

    Raises HostError where there is none, LabStopped where it does not run, RuntimeFailed where the engine fails.
    """
    from labctl.runtime.docker.container import Container
    from labctl.runtime.docker.engine import Engine

    container = Container(Engine(), name)
    container.require_running()
    return container


def _module(runtime: Decision) -> RuntimeModule:
    return cast("RuntimeModule", import_module(RUNTIMES[runtime.name].module))
