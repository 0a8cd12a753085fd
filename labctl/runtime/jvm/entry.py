"""What labctl.runtime calls of the local runtime. Everything else is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.plan.model import NO_ENGINE, EngineFacts, Identity, LabPlan, NodePlan, Places
from labctl.runtime.base import Progress, Runtime

if TYPE_CHECKING:  # the lab page opens a runtime, and needs no pydantic
    from labctl.spec.model import LabSpec


def open_runtime(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    """Return the runtime of the plan; `files` is the folder of its rendered files."""
    from labctl.runtime.jvm.local import LocalRuntime

    return LocalRuntime(plan, files, progress)


def render(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    from labctl.runtime.jvm.node_files import render_nodes
    from labctl.runtime.jvm.service_files import render_services

    return render_nodes(plan) | render_services(plan)


def settings_file(plan: LabPlan, node: NodePlan) -> str:
    """Return the server.properties of a node, as a program inside it sees it."""
    return str(Path(plan.state) / "files" / node.name / "server.properties")


def validate(spec: LabSpec) -> None:
    """Raise SpecError where there is no Kafka of the spec's version to run here."""
    from labctl.runtime.jvm.cache import require_version

    require_version(spec.kafka.version)


def find_engine(_spec: LabSpec) -> EngineFacts:
    """Return the facts of no engine."""
    return NO_ENGINE


def place_nodes(_spec: LabSpec, _identity: Identity) -> Places:
    """Return nothing: all nodes are on one machine."""
    return ()
