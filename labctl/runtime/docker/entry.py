"""What labctl.runtime calls of the compose runtime. Everything else is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.plan.model import EngineFacts, Identity, LabPlan, NodePlan, Places
from labctl.runtime.base import Progress, Runtime

if TYPE_CHECKING:  # the lab page opens a runtime, and needs no pydantic
    from labctl.spec.model import LabSpec


def open_runtime(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    """Return the runtime of the plan; `files` is the folder of its rendered files."""
    from labctl.runtime.docker.compose import ComposeRuntime

    return ComposeRuntime(plan, files, progress)


def render(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    from labctl.runtime.docker.compose_file import render_compose

    return render_compose(plan)


def settings_file(_plan: LabPlan, _node: NodePlan) -> str:
    """Return the server.properties of a node, as a program inside it sees it, where it is a file."""
    from labctl.runtime.docker.node_container import MOUNTED_PROPERTIES

    return MOUNTED_PROPERTIES


def validate(_spec: LabSpec) -> None:
    """Accept any spec: the image decides which Kafka versions there are."""


def find_engine(spec: LabSpec) -> EngineFacts:
    """Return the facts of the engine that docker uses. Raises HostError, RuntimeFailed."""
    from labctl.runtime.docker.facts import observed

    return observed(spec)


def place_nodes(_spec: LabSpec, _identity: Identity) -> Places:
    """Return nothing: all nodes are on one machine."""
    return ()
