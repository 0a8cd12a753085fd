"""Ending, freezing and starting single nodes of a lab, and what Kafka reports afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from labctl.errors import LabStopped, ReadinessTimeout
from labctl.kafka.preferred_leaders import restore_preferred_leaders
from labctl.kafka.waiting import wait_for_kafka
from labctl.lab.cluster_view import (
    ClusterView,
    connect_to,
    read_brokers,
    view_of,
    with_quorum,
    working_brokers,
    works,
)
from labctl.lab.ended_brokers import unregister_ended_brokers
from labctl.lab.existing import LOCK_SECONDS, ExistingLab, open_lab
from labctl.plan.model import BROKER, LabPlan, NodePlan
from labctl.runtime.base import FROZEN, ISOLATED, NodeState, Progress, Runtime
from labctl.state.store import RESTORING, STOPPED, LabStore
from labctl.system.waiting import Deadline, NotReady

# a broker's session ends after 9 s (broker.session.timeout.ms), where the controllers first elect a leader, later
NOTICE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class NodeAction:
    """What `labctl node` does to a node, by its runtime. It changes only nodes in `from_states`.

    `ends` says whether the node works no more afterwards.
    """

    past: str  # what it did, for messages
    apply: Callable[[Runtime, Sequence[str]], None]
    from_states: frozenset[str]
    ends: bool


RUNNING, NOT_RUNNING = "running", "not running"  # beside FROZEN and ISOLATED
ALIVE = frozenset({RUNNING, FROZEN, ISOLATED})
NODE_ACTIONS = {
    "stop": NodeAction("stopped", lambda runtime, names: runtime.stop(names), ALIVE, True),
    "start": NodeAction("started", lambda runtime, names: runtime.up(names), frozenset({NOT_RUNNING}), False),
    "kill": NodeAction("killed", lambda runtime, names: runtime.kill(names), ALIVE, True),
    "pause": NodeAction("paused", lambda runtime, names: runtime.pause(names), frozenset({RUNNING}), True),
    "resume": NodeAction("resumed", lambda runtime, names: runtime.resume(names), ALIVE - {RUNNING}, False),
}


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What was done to a node, and what Kafka reported before and after.

    `noticed` are the seconds until Kafka reported the change; None where it did not, and `detail` says why.
    `changed` is False where the node was in that state already.
    """

    lab: str
    node: NodePlan
    action: str
    changed: bool
    noticed: float | None
    detail: str
    nodes: tuple[NodeState, ...]
    before: ClusterView
    after: ClusterView


def change_node(name: str, action: str, node: str, store: LabStore, progress: Progress) -> NodeChange:
    """Do `action` (a key of NODE_ACTIONS) to a node of a lab, wait until Kafka reports the change, and return it.

    A broker that starts has its partitions' full ISR again, and leads those that prefer it. Raises LabStopped where
    there is no such lab, or where no node runs and none is to be started; SpecError for an unknown node, LabError as
    the runtime's methods.
    """
    with store.locked(name, doing=f"node {action}", seconds=LOCK_SECONDS, note=progress.note):
        lab = open_lab(name, store, progress)
        planned = lab.plan.node(node)
        verb = NODE_ACTIONS[action]
        states = lab.runtime.nodes()
        before, state = view_of(lab.plan, states), _state(states, node)
        if lab.record.phase in {STOPPED, RESTORING} and verb.from_states == {NOT_RUNNING}:
            raise LabStopped(f"the lab {name} is {lab.record.phase}", "labctl up starts it, with all its nodes")
        if state not in verb.from_states:
            return NodeChange(name, planned, action, False, None, f"it is {state}", tuple(states), before, before)
        if not verb.ends:
            unregister_ended_brokers(lab, Deadline.after(NOTICE_SECONDS))
        began = time.monotonic()
        verb.apply(lab.runtime, [node])
        noticed, detail, after = _await_notice(lab, planned, began, ends=verb.ends)
        return NodeChange(name, planned, action, True, noticed, detail, tuple(lab.runtime.nodes()), before, after)


def _state(states: Sequence[NodeState], node: str) -> str:
    (state,) = [state for state in states if state.name == node]
    if state.state != "running":
        return NOT_RUNNING
    return state.hindrance or RUNNING


def _await_notice(
    lab: ExistingLab, node: NodePlan, began: float, *, ends: bool
) -> tuple[float | None, str, ClusterView]:
    """Wait until Kafka reports that the node works again, or, with `ends`, no more.

    Return after how many seconds, None where it does not; why it does not; and what it reports.
    """
    states = lab.runtime.nodes()
    if problem := _no_majority(lab.plan, states):
        return None, problem, replace(view_of(lab.plan, states), quorum=None, problem=problem)
    view = ClusterView()
    working = working_brokers(lab.plan, states)
    # the node itself reports what it knew before it ended, until it has the newer metadata
    others = [broker for broker in working if broker != node.id]
    with connect_to(lab.plan, others or working) as client:

        def probe() -> None:
            nonlocal view
            view = read_brokers(client)
            if BROKER not in node.roles:  # the quorum alone knows of it
                view = with_quorum(view, client)
            if problem := view.problem or (_still_works(view, node) if ends else _not_back(view, node)):
                raise NotReady(problem)
            if not ends:
                restore_preferred_leaders(client)

        seconds = NOTICE_SECONDS if ends else lab.plan.timeout
        try:
            wait_for_kafka(client, probe, what="", deadline=Deadline.after(seconds))
        except ReadinessTimeout:
            return None, view.problem or f"not after {seconds:.0f} s", with_quorum(view, client)
        return round(time.monotonic() - began, 2), "", with_quorum(read_brokers(client), client)


def _no_majority(plan: LabPlan, states: Sequence[NodeState]) -> str:
    """Why Kafka can't report anything new: it elects no leader of the quorum. "" where it can."""
    working = {state.name for state in states if works(state)}
    voters = [voter.name for voter in plan.voters if voter.name in working]
    if not working_brokers(plan, states):
        return "no broker runs"
    if len(voters) > len(plan.voters) // 2:
        return ""
    return f"{len(voters)} of {len(plan.voters)} voters run: without a majority the quorum has no leader"


def _still_works(view: ClusterView, node: NodePlan) -> str:
    """What Kafka reports of a node as if it worked still; "" where it reports nothing of the kind."""
    if node.id in view.brokers:
        return f"broker {node.id} is registered and unfenced"
    if view.led_by(node.id):
        return f"broker {node.id} leads {view.led_by(node.id)} partitions"
    if view.quorum and view.quorum.leader == node.id:
        return f"{node.name} leads the quorum"
    return ""


def _not_back(view: ClusterView, node: NodePlan) -> str:
    """What a node lacks to work as before; "" where it lacks nothing."""
    if BROKER in node.roles and node.id not in view.brokers:
        return f"broker {node.id} is not registered or fenced"
    own = [each for each in view.partitions.values() if node.id in each.replicas]
    if behind := sum(node.id not in each.in_sync for each in own):
        return f"broker {node.id} is not in the ISR of {behind} partitions"
    lagging = [voter for voter in (view.quorum.voters if view.quorum else ()) if voter.id == node.id]
    return "" if all(voter.caught_up for voter in lagging) else f"{node.name} is behind in the quorum"
