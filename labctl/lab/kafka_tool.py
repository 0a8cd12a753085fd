"""Kafka's own tools that labctl runs inside a node to change a cluster."""

from __future__ import annotations

from labctl.errors import RuntimeFailed
from labctl.lab.existing import ExistingLab
from labctl.plan.model import NodePlan

TOOL_SECONDS = 60.0


def run_tool(lab: ExistingLab, node: NodePlan, command: list[str]) -> str:
    """Run a tool in a node, and return its output. Raises RuntimeFailed with the output where it fails, LabError."""
    done = lab.runtime.exec(node.name, command, None, TOOL_SECONDS)
    output = (done.stdout + done.stderr).decode(errors="replace")
    if done.exit_code != 0:
        raise RuntimeFailed(done.command, done.exit_code, output, "the same labctl command tries it again")
    return output
