"""The state of labs, as the documents of `status --json` and `ls --json`."""

from __future__ import annotations

from typing import Any

from labctl.errors import KafkaFailed, LabError
from labctl.kafka.client import Quorum, connection_error
from labctl.lab.existing import connect, open_lab, overall_state
from labctl.lab.unrecorded import lost_labs
from labctl.plan.model import LabPlan
from labctl.runtime.base import NodeState, Progress
from labctl.state.store import LabStore
from labctl.webui.page.process import page_state

CONNECT_SECONDS = 3


def lab_status(name: str, store: LabStore, progress: Progress) -> dict[str, Any]:
    """Return the state of a lab. Raises LabStopped where there is no such lab, LabError."""
    lab = open_lab(name, store, progress)
    plan = lab.plan
    states = lab.runtime.nodes(memory=True)
    page = lab.runtime.ui() or page_state(plan)
    quorum, problem = _quorum(plan)
    state = overall_state(states)
    return {
        "lab": name,
        "state": "not responding" if state == "running" and quorum is None else state,
        "detail": problem,
        "runtime": {"name": plan.runtime.name, "reason": plan.runtime.reason},
        "kafka_version": plan.kafka_version,
        "created_at": lab.record.created_at,
        "nodes": _nodes(plan, states),
        "quorum": _quorum_document(quorum) if quorum else None,
        "ui": {"kind": plan.ui.kind, "url": plan.ui.url, "state": page.state, "memory": page.memory} if page else None,
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
            state = "incomplete" if record.phase == "starting" else lab.state()
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


def _quorum(plan: LabPlan) -> tuple[Quorum | None, str]:
    """The quorum, or None and why it can't be read."""
    problem = connection_error(plan.host_addresses[0])
    if problem:
        return None, problem
    try:
        with connect(plan, seconds=CONNECT_SECONDS) as client:
            return client.quorum(), ""
    except KafkaFailed as error:
        return None, error.message


def _quorum_document(quorum: Quorum) -> dict[str, Any]:
    voters = [{"id": voter.id, "behind": voter.behind, "caught_up": voter.caught_up} for voter in quorum.voters]
    return {"leader": quorum.leader, "voters": voters}


def _nodes(plan: LabPlan, states: list[NodeState]) -> list[dict[str, Any]]:
    return [
        {
            "name": state.name,
            "id": node.id,
            "roles": node.roles,
            "state": state.state,
            "detail": state.reason,
            "memory": state.memory,
        }
        for state, node in zip(states, plan.nodes, strict=True)
    ]
