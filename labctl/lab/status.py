"""The state of labs, as the documents of `status --json` and `ls --json`."""

from __future__ import annotations

import contextlib
from typing import Any

from labctl.errors import LabError, LabStopped
from labctl.lab.cluster_view import ClusterView, partitions_document, quorum_document, view_of, works
from labctl.lab.existing import open_lab, overall_state
from labctl.lab.unrecorded import lost_labs
from labctl.plan.model import BROKER, LabPlan, ServicePlan
from labctl.proxy.process import current_faults, proxy_state
from labctl.runtime.base import NodeState, Progress
from labctl.state.store import STARTING, LabStore
from labctl.webui.page.process import page_state


def lab_status(name: str, store: LabStore, progress: Progress) -> dict[str, Any]:
    """Return the state of a lab. Raises LabStopped where there is no such lab, LabError."""
    lab = open_lab(name, store, progress)
    plan = lab.plan
    states = lab.runtime.nodes(memory=True)
    page = lab.runtime.ui() or page_state(plan)
    view = view_of(plan, states)
    services = lab.runtime.services()
    state = overall_state([*states, *services])
    return {
        "lab": name,
        "state": _state(state, states, view),
        "detail": view.problem,
        "runtime": {"name": plan.runtime.name, "reason": plan.runtime.reason},
        "kafka_version": plan.kafka_version,
        "created_at": lab.record.created_at,
        "nodes": _nodes(plan, states, view),
        "quorum": quorum_document(view.quorum) if view.quorum else None,
        "partitions": partitions_document(view) if view.topics else None,
        "ui": {"kind": plan.ui.kind, "url": plan.ui.url, "state": page.state, "memory": page.memory} if page else None,
        "services": [_service(planned, each) for planned, each in zip(plan.services, services, strict=True)],
        "proxy": _proxy(plan),
        "endpoints": {"external": plan.bootstrap, "internal": plan.internal_bootstrap, "ui": plan.ui.url},
        "folder": lab.record.folder,
    }


def lab_list(store: LabStore, progress: Progress) -> list[dict[str, Any]]:
    """Return every lab of this user; of one whose record is lost only the name is known. Raises HostError."""
    found: list[dict[str, Any]] = []
    for name, sentence in lost_labs(store).items():
        progress.note(sentence)
        found.append({"name": name, "state": "no record"})
    for name in store.names():
        record = store.load(name)
        if record is None:
            continue
        lab = open_lab(name, store, progress)
        try:
            state = "incomplete" if record.phase == STARTING else lab.state()
        except LabError:
            state = "unknown"  # its Docker Engine does not respond; the other labs are listed all the same
        found.append(
            {
                "name": name,
                "state": state,
                "runtime": lab.plan.runtime.name,
                "kafka_version": lab.plan.kafka_version,
                "external": lab.plan.bootstrap,
                "ui": lab.plan.ui.url,
                "source": record.source,
                "folder": record.folder,
                "created_at": record.created_at,
            }
        )
    return found


def _service(planned: ServicePlan, state: NodeState) -> dict[str, Any]:
    return {
        "name": state.name,
        "kind": planned.kind,
        "url": planned.url,
        "state": state.state,
        "detail": state.reason,
        "memory": state.memory,
    }


def _proxy(plan: LabPlan) -> dict[str, Any] | None:
    """The proxy and the faults that it makes; None where the lab has none."""
    state = proxy_state(plan)
    if state is None:
        return None
    made: list[str] = []
    with contextlib.suppress(LabStopped):  # it makes none when it does not run
        made = [f"{name}: {', '.join(each.texts)}" for name, each in current_faults(plan).items() if each.texts]
    return {"state": state.state, "memory": state.memory, "faults": made}


def _state(overall: str, states: list[NodeState], view: ClusterView) -> str:
    if overall != "running" or view.quorum is not None:
        return overall
    return "not responding" if all(map(works, states)) else "partly running"


def _nodes(plan: LabPlan, states: list[NodeState], view: ClusterView) -> list[dict[str, Any]]:
    return [
        {
            "name": state.name,
            "id": node.id,
            "roles": node.roles,
            "swarm_node": node.swarm_node,
            "state": state.state,
            "detail": state.reason,
            "memory": state.memory,
            "leads": view.led_by(node.id) if view.topics and BROKER in node.roles else None,
        }
        for state, node in zip(states, plan.nodes, strict=True)
    ]
