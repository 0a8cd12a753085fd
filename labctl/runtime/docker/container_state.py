"""What docker inspect says of a container with a node of Kafka -> the state of the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.plan.model import LabPlan
from labctl.plan.sizes import MEBIBYTE
from labctl.runtime.base import FROZEN, ISOLATED, NodeState
from labctl.runtime.docker.engine import parse_time


def container_state(name: str, inspected: Mapping[str, Any] | None, plan: LabPlan) -> NodeState:
    """Return the state of the node called `name`, by its container; None where there is none."""
    # docker rm ends a container before it is gone
    if inspected is None or inspected["State"]["Status"] in {"removing", "dead"}:
        return NodeState(name, "missing")
    state = inspected["State"]
    if state["Status"] in {"running", "paused", "restarting"}:
        return NodeState(name, "running", reason=_why_idle(inspected, plan))
    code = int(state["ExitCode"])
    if state.get("OOMKilled"):
        limit = int(inspected["HostConfig"].get("Memory", 0)) // MEBIBYTE
        reason = f"OOM-killed: it needed more than its memory limit of {limit} MiB, heap {plan.heap}"
    else:
        reason = str(state.get("Error") or "") or f"exit code {code}"
    return NodeState(name, "exited", code, reason, ended=_seconds(state.get("FinishedAt", "")))


def _why_idle(inspected: Mapping[str, Any], plan: LabPlan) -> str:
    """Why a running container does not work, or ""."""
    if inspected["State"]["Status"] == "paused":
        return f"{FROZEN}: docker paused it"
    if plan.network not in inspected.get("NetworkSettings", {}).get("Networks", {plan.network: {}}):
        return f"{ISOLATED}: not connected to the network {plan.network}"
    return ""


def _seconds(text: str) -> float | None:
    """A time of docker in seconds since 1970; docker's year 1 means never."""
    seconds = parse_time(text).timestamp() if text else 0.0
    return seconds if seconds > 0 else None
