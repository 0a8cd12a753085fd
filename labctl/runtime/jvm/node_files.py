"""LabPlan -> the files of each node that runs as a process of this machine."""

from __future__ import annotations

from labctl.constants import OTHER_CONTROLLER_PORT, OTHER_INTERNAL_PORT
from labctl.kafka.broker_settings import COMMENTS, node_settings
from labctl.plan.model import LabPlan, NodePlan
from labctl.rendering.templates import render_template

FILES = (
    "server.properties",
    "hosts",
    "logging.properties",
    "log4j2.properties",
    "log4j.properties",
    "tools-log4j.properties",
)


def render_nodes(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    return {f"{node.name}/{name}": text for node in plan.nodes for name, text in _node_files(plan, node).items()}


def _node_files(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    values = {
        "plan": plan,
        "node": node,
        "settings": node_settings(plan, node),
        "comments": COMMENTS,
        "names": [(other.address, other.name) for other in plan.nodes] + [(_localhost(node), "localhost")],
        "folder": f"{plan.state}/nodes/{node.name}",
        "title": f"node {node.name}",
    }
    return {name: render_template(f"local/{name}.j2", **values) for name in FILES}


def _localhost(node: NodePlan) -> str:
    """What `localhost` is inside a node: itself, as in a container, unless an external port is 9092 or 9093."""
    inside = [listener.port for listener in node.listeners if listener.name != "EXTERNAL"]
    moved = bool({OTHER_INTERNAL_PORT, OTHER_CONTROLLER_PORT} & set(inside))
    return "127.0.0.1" if moved else node.address
