"""What labctl.runtime calls of the swarm runtime. Everything else is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import SpecError
from labctl.plan.model import EngineFacts, Identity, LabPlan, NodePlan, Places
from labctl.runtime.base import Progress, Runtime

if TYPE_CHECKING:  # the lab page opens a runtime, and needs no pydantic
    from labctl.spec.model import LabSpec


def open_runtime(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    """Return the runtime of the plan; `files` is the folder of its rendered files."""
    from labctl.runtime.swarm.stack import SwarmRuntime

    return SwarmRuntime(plan, files, progress)


def render(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    from labctl.runtime.swarm.stack_file import render_stack

    return render_stack(plan)


def settings_file(_plan: LabPlan, _node: NodePlan) -> str:
    """Return the server.properties of a node, as a program inside it sees it, where it is a file."""
    from labctl.runtime.docker.node_container import MOUNTED_PROPERTIES

    return MOUNTED_PROPERTIES


def validate(spec: LabSpec) -> None:
    """Raise SpecError where Swarm can't do what `spec` says. The image decides which Kafka versions there are."""
    from labctl.spec.model import ListenerSpec
    from labctl.system.ports import EVERY_ADDRESS

    bind, proxied = spec.listeners.external.bind, spec.listeners.external.faults
    if bind not in {EVERY_ADDRESS, ListenerSpec().bind} and not proxied:
        raise SpecError(
            [f"listeners.external.bind: {bind}: Swarm publishes ports on every address of a node"],
            "remove it; listeners.external.advertise says which address clients use",
        )


def find_engine(spec: LabSpec) -> EngineFacts:
    """Return the facts of the swarm, with a place for each node of `spec`. Raises HostError, RuntimeFailed."""
    from labctl.runtime.swarm.places import swarm_facts

    return swarm_facts(spec)


def place_nodes(spec: LabSpec, identity: Identity) -> Places:
    """Return where each node of `spec` runs: those that are placed stay. Raises HostError, RuntimeFailed."""
    from labctl.runtime.swarm.engine import SwarmEngine
    from labctl.runtime.swarm.places import choose_places

    nodes = SwarmEngine(identity.state, identity.engine).nodes()
    return choose_places(spec, identity.removed_controllers, identity.places, nodes)
