"""Adding and removing voters of a quorum while the cluster runs (KIP-853)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from labctl.constants import ADMIN
from labctl.errors import LabStopped, ReadinessTimeout, SpecError
from labctl.kafka.client import Quorum, Voter
from labctl.kafka.console_tools import add_controller, remove_controller
from labctl.kafka.security_settings import tool_config
from labctl.kafka.waiting import wait_for_kafka
from labctl.lab.existing import LOCK_SECONDS, QUORUM_SECONDS, ExistingLab, connect, open_lab, recorded_spec, with_spec
from labctl.lab.kafka_tool import run_tool
from labctl.lab.rendered_files import write_rendered_files
from labctl.plan.model import Identity, LabPlan, NodePlan
from labctl.plan.planner import CONTROLLER_IDS
from labctl.runtime.access import place_nodes, settings_file
from labctl.runtime.base import Progress
from labctl.spec.model import MOST_CONTROLLERS
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline, NotReady
from labctl.webui.page.process import restart_page

SETTLE_SECONDS = 5.0
CONTROLLERS = "labctl up with kafka: {controllers: 3, quorum: dynamic} in lab.yaml creates such a lab"


@dataclass(frozen=True, slots=True)
class QuorumChange:
    """A controller that was added or removed, and the quorum afterwards."""

    lab: str
    node: str
    action: str  # added, removed
    quorum: Quorum


def add(name: str, store: LabStore, progress: Progress) -> QuorumChange:
    """Start one more isolated controller, wait until it has the metadata, make it a voter, and return the change.

    Repeated after an interruption, it goes on. Raises SpecError where the lab's quorum can't change, LabStopped where
    it does not run; RuntimeFailed with the tool's output, ReadinessTimeout, LabError.
    """
    with store.locked(name, doing="controller add", seconds=LOCK_SECONDS, note=progress.note):
        lab = _changeable(open_lab(name, store, progress))
        if lab.plan.security:
            raise SpecError(
                [f"the lab {name} has a CA whose key is not kept: a new controller would have no certificate"],
                "labctl down, then labctl up with more kafka.controllers in lab.yaml",
            )
        voters = _quorum(lab.plan)
        waiting = [node for node in lab.plan.voters if node.id not in {voter.id for voter in voters.voters}]
        if not waiting:
            lab = _with_controller(lab, store, progress)
        node = waiting[0] if waiting else lab.plan.voters[-1]
        write_rendered_files(lab)
        lab.runtime.prepare()
        lab.runtime.up([node.name])
        _await(lab.plan, f"{node.name} with all metadata", lambda quorum: _require_observer(quorum, node))
        run_tool(lab, node, add_controller(lab.plan.internal_bootstrap, settings_file(lab.plan, node)))
        quorum = _await_voters(lab.plan)
        restart_page(lab.plan, lab.folder)
        return QuorumChange(name, node.name, "added", quorum)


def remove(name: str, node: str | None, store: LabStore, progress: Progress) -> QuorumChange:
    """Take the vote of an isolated controller away, of the newest where `node` is None, and remove it with its data.

    It need not run. Repeated after an interruption, it goes on. Return the change. Raises SpecError for another node,
    and where the others would be no quorum; LabStopped, RuntimeFailed, ReadinessTimeout, LabError as `add`.
    """
    with store.locked(name, doing="controller remove", seconds=LOCK_SECONDS, note=progress.note):
        lab = _changeable(open_lab(name, store, progress))
        plan = lab.plan
        target = _controller(plan, node)
        voting = _voters_without(plan, target)
        if target.id in voting:
            directory, config = voting[target.id].directory, tool_config(plan, ADMIN)
            run_tool(lab, plan.brokers[0], remove_controller(plan.internal_bootstrap, target.id, directory, config))
        lab.runtime.stop([target.name])
        lab.runtime.remove([target.name])
        lab = _without_controller(lab, target, store, progress)
        write_rendered_files(lab)
        quorum = _await_voters(lab.plan)
        restart_page(lab.plan, lab.folder)
        return QuorumChange(name, target.name, "removed", quorum)


def _controller(plan: LabPlan, name: str | None) -> NodePlan:
    names = {voter.name: voter for voter in plan.voters}
    if len(names) == 1:
        raise SpecError([f"the lab {plan.name} has one controller, and needs it"])
    if name is None:
        return plan.voters[-1]
    if name not in names:
        raise SpecError([f"there is no controller {name}; there are {', '.join(names)}"])
    return names[name]


def _voters_without(plan: LabPlan, target: NodePlan) -> dict[int, Voter]:
    """The voters by their ids. Raises SpecError where those beside `target` could not even decide that it goes."""
    voters: dict[int, Voter] = {}

    def probe() -> None:
        nonlocal voters
        voters = {voter.id: voter for voter in client.quorum().voters}
        others = [voter for voter in voters.values() if voter.id != target.id]
        working = [voter for voter in others if voter.caught_up]
        if target.id in voters and len(working) <= len(others) // 2:
            raise NotReady(f"without {target.name}, {len(working)} of {len(others)} voters would work: no majority")

    with connect(plan, answer=QUORUM_SECONDS) as client:
        try:
            # a leader that was just elected has not heard of its followers yet
            wait_for_kafka(client, probe, what="", deadline=Deadline.after(SETTLE_SECONDS))
        except ReadinessTimeout as error:
            names = {voter.id: voter.name for voter in plan.voters}
            away = ", ".join(names[each.id] for each in voters.values() if not each.caught_up and each.id != target.id)
            raise SpecError(
                [error.message.rpartition("last observed: ")[2]],
                f"start the others first ({away}), or remove one that does not work",
            ) from None
    return voters


def _changeable(lab: ExistingLab) -> ExistingLab:
    """The lab. Raises SpecError where its quorum can't change, LabStopped where it does not run."""
    plan = lab.plan
    if not plan.dynamic_quorum or plan.voters[0] in plan.brokers:
        kind = "combined nodes" if plan.voters[0] in plan.brokers else "a static quorum"
        raise SpecError([f"the lab {plan.name} has {kind}: its voters can't be changed"], CONTROLLERS)
    if lab.state() == "stopped":
        raise LabStopped(f"the lab {plan.name} is stopped", "labctl up starts it")
    return lab


def _with_controller(lab: ExistingLab, store: LabStore, progress: Progress) -> ExistingLab:
    """The lab with one more controller, which is kept."""
    count = len(lab.plan.voters) + 1
    if count > MOST_CONTROLLERS:
        raise SpecError([f"a lab has {MOST_CONTROLLERS} controllers at most"])
    return _changed(lab, count, lab.record.identity, store, progress)


def _without_controller(lab: ExistingLab, node: NodePlan, store: LabStore, progress: Progress) -> ExistingLab:
    """The lab without a controller, whose number no other gets."""
    identity = lab.record.identity
    removed = (*identity.removed_controllers, node.id - CONTROLLER_IDS)
    return _changed(lab, len(lab.plan.voters) - 1, replace(identity, removed_controllers=removed), store, progress)


def _changed(lab: ExistingLab, count: int, identity: Identity, store: LabStore, progress: Progress) -> ExistingLab:
    spec = recorded_spec(lab.record)
    spec = spec.model_copy(update={"kafka": spec.kafka.model_copy(update={"controllers": count})})
    identity = replace(identity, places=place_nodes(spec, lab.plan.runtime, identity))
    record = store.save(replace(lab.record, spec=spec.model_dump(mode="json"), identity=identity))
    return with_spec(record, spec, progress)


def _quorum(plan: LabPlan) -> Quorum:
    with connect(plan, answer=QUORUM_SECONDS) as client:
        return client.quorum()


def _await_voters(plan: LabPlan) -> Quorum:
    planned = {voter.id for voter in plan.voters}

    def require(quorum: Quorum) -> None:
        if problem := quorum.problem(planned):
            raise NotReady(problem)

    return _await(plan, f"the voters {sorted(planned)}", require)


def _require_observer(quorum: Quorum, node: NodePlan) -> None:
    known = {replica.id: replica for replica in (*quorum.observers, *quorum.voters)}
    if node.id not in known:
        raise NotReady(f"{node.name} is not known to the quorum")
    if not known[node.id].caught_up:
        raise NotReady(f"{node.name} is {known[node.id].behind} records behind")


def _await(plan: LabPlan, what: str, require: Callable[[Quorum], None]) -> Quorum:
    with connect(plan, answer=QUORUM_SECONDS) as client:

        def probe() -> Quorum:
            quorum = client.quorum()
            require(quorum)
            return quorum

        return wait_for_kafka(client, probe, what=f"expected {what}", deadline=Deadline.after(plan.timeout))
