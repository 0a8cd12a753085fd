"""Drills in a running lab: faults made on purpose, measured, and the lab left as it was."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from labctl.constants import MIN_ISR
from labctl.diagnostics.redaction import secrets_in
from labctl.drills.accounts import Balance
from labctl.drills.scene import Nodes, Scene
from labctl.drills.table import Drill, drill_named
from labctl.drills.timeline import longest_gap, rates
from labctl.drills.traffic import Traffic
from labctl.errors import KafkaFailed, LabError, SpecError
from labctl.kafka.client import KafkaClient
from labctl.kafka.preferred_leaders import await_preferred_leaders
from labctl.kafka.waiting import wait_for_kafka
from labctl.lab.cluster_view import idle_nodes, require_all_work
from labctl.lab.ended_brokers import unregister_ended_brokers
from labctl.lab.existing import (
    LOCK_SECONDS,
    QUORUM_SECONDS,
    ExistingLab,
    connect,
    lab_secrets,
    open_lab,
    recorded_spec,
)
from labctl.lab.readiness import wait_for_topics, wait_until_ready
from labctl.lab.reporter import Reporter
from labctl.lab.run_log import RunLog
from labctl.lab.run_report import collect_outcome, reported, write_report
from labctl.lab.upgrade import prepare_upgrade, upgrade_nodes
from labctl.plan.model import LabPlan
from labctl.replication import min_isr
from labctl.results import DrillResult, DrillRun, RunResult, Status
from labctl.runtime_traits import RUNTIMES
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline, NotReady

FEWEST_BROKERS = 3
TOPIC_PREFIX = "labctl-drill-"
QUIET_SECONDS = 1.0  # with records and without a fault, before and after each
REPAIR_SECONDS = 120.0
TOPIC_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """How often a drill runs, and the writer's acks: all, 1, 0.

    `partitions` are those that the drill `partitions` creates, `version` the Kafka to which the drill `upgrade` leads.
    """

    times: int = 1
    acks: str = "all"
    partitions: int = 1000
    version: str | None = None


def drill(name: str, kind: str, options: DrillOptions, store: LabStore, reporter: Reporter) -> RunResult:
    """Run the drill `kind`, and return the report; the lab is as it was afterwards.

    The drill has failed where acknowledged records were lost, duplicated or out of order.
    Raises SpecError for an unknown drill or a lab with fewer than three brokers, LabStopped where not all of its nodes
    work, and what `check` raises.
    """
    chosen = drill_named(kind)
    with store.locked(name, doing="drill", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        if len(lab.plan.brokers) < FEWEST_BROKERS:
            raise SpecError(
                [f"a drill needs {FEWEST_BROKERS} brokers, and the lab {name} has {len(lab.plan.brokers)}"],
                "labctl up --preset cluster --name drills --ports auto",
            )
        require_all_work(lab)
        new = _upgraded(lab, chosen, options, reporter)
        spec = recorded_spec(lab.record)
        log = RunLog("drill", name, reporter)
        log.plan = lab.plan
        log.hide([*lab_secrets(lab.plan), *secrets_in(dict(lab.plan.broker_config))])
        with reported(log, spec, lab.folder, store):
            with log.step("ready"):
                _require_ready(lab, log)
            runs: list[DrillRun] = []
            try:
                for number in range(1, options.times + 1):
                    with log.step(f"{kind} {number} of {options.times}" if options.times > 1 else kind):
                        runs.append(_run(new or lab, chosen, options, _nodes(lab, new, store, log)))
            finally:
                log.add_drill(_result(chosen, runs, options.times))
            lab = new or lab
            log.plan = lab.plan
        return write_report(log, spec, lab.folder, store, collect_outcome(log, lab.runtime))


def _upgraded(lab: ExistingLab, chosen: Drill, options: DrillOptions, reporter: Reporter) -> ExistingLab | None:
    """The lab as it will be, for a drill that upgrades it. Raises SpecError for options that don't fit together."""
    if chosen.upgrades != bool(options.version):
        raise SpecError(["--to VERSION belongs to the drill upgrade, and it needs it"])
    if options.version is None:
        return None
    if options.times > 1:
        raise SpecError(["an upgrade leads one way: the drill upgrade runs once"])
    return prepare_upgrade(lab, options.version, reporter)


def _require_ready(lab: ExistingLab, log: RunLog) -> None:
    deadline = Deadline.after(lab.plan.timeout)
    with connect(lab.plan) as client:
        for layer in wait_until_ready(lab.plan, lab.runtime, client, deadline):
            log.add(layer)
        for layer in wait_for_topics(lab.plan, lab.runtime, client, deadline):
            log.add(layer)
        _delete_topics(client)


def _run(lab: ExistingLab, chosen: Drill, options: DrillOptions, nodes: Nodes) -> DrillRun:
    topic = f"{TOPIC_PREFIX}{uuid.uuid4().hex[:10]}"
    partitions = len(lab.plan.brokers)
    with _repaired(lab), connect(lab.plan) as client:
        client.create_topics({topic: (partitions, lab.plan.internal_replication_factor, _topic_config(lab.plan))})
        probe = partial(_require_leaders, client, topic, partitions)
        wait_for_kafka(client, probe, what=f"expected the topic {topic}", deadline=Deadline.after(TOPIC_SECONDS))
        traffic = Traffic(client, topic, partitions, f"{topic}-group", options.acks)
        with traffic:
            scene = Scene(nodes, topic, traffic, options.partitions)
            with contextlib.closing(scene):
                scene.await_flow()
                scene.await_commits()
                time.sleep(QUIET_SECONDS)
                began = time.monotonic()
                target = chosen.run(scene)
                time.sleep(QUIET_SECONDS)
                ended = time.monotonic()
        result = _as_result(scene, traffic, target, began, ended)
        with contextlib.suppress(KafkaFailed):  # the next drill deletes it
            client.delete_groups([f"{topic}-group"])
            client.delete_topics([topic])
    return result


def _as_result(scene: Scene, traffic: Traffic, target: str, began: float, ended: float) -> DrillRun:
    balance: Balance = traffic.balance()
    gaps = [longest_gap(moments, began, ended) for moments in (traffic.writes, traffic.reads, traffic.commits)]
    return DrillRun(
        target=target,
        seconds=round(ended - scene.began, 3),
        recovery=max(scene.recoveries, default=None),
        write_gap=gaps[0],
        read_gap=gaps[1],
        commit_gap=gaps[2],
        acknowledged=balance.acknowledged,
        read=balance.read,
        lost=balance.lost,
        duplicated=balance.duplicated,
        out_of_order=balance.out_of_order,
        failed=dict(traffic.failed),
        events=tuple(scene.events),
        rates=rates(
            [moment - scene.began for moment in traffic.writes if moment <= ended],
            [moment - scene.began for moment in traffic.reads if moment <= ended],
            ended - scene.began,
        ),
    )


def _result(chosen: Drill, runs: list[DrillRun], times: int) -> DrillResult:
    faults = {what: sum(getattr(run, what) for run in runs) for what in ("lost", "duplicated", "out_of_order")}
    detail = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in faults.items())
    if len(runs) < times:
        return DrillResult(chosen.name, "error", f"run {len(runs) + 1} of {times} did not end", tuple(runs))
    written = sum(run.acknowledged for run in runs)
    status: Status = "failed" if any(faults.values()) else "passed"
    return DrillResult(chosen.name, status, f"{written:,} acknowledged records: {detail}", tuple(runs))


def _topic_config(plan: LabPlan) -> dict[str, str]:
    """As a topic of lab.yaml gets it: Kafka's own min ISR of 1 would let acknowledged records be lost."""
    return {} if MIN_ISR in dict(plan.broker_config) else {MIN_ISR: str(min_isr(plan.internal_replication_factor))}


def _require_leaders(client: KafkaClient, topic: str, partitions: int) -> None:
    described = client.topics([topic]).get(topic, ())
    if len(described) < partitions or any(partition.problem(topic) for partition in described):
        raise NotReady(f"{topic} is not complete yet")


def _delete_topics(client: KafkaClient) -> None:
    """Delete what drills left that were killed."""
    left = [name for name in client.topics() if name.startswith(TOPIC_PREFIX)]
    if left:
        client.delete_topics(left)


def _nodes(lab: ExistingLab, new: ExistingLab | None, store: LabStore, log: RunLog) -> Nodes:
    plan, runtime = lab.plan, lab.runtime
    isolates = RUNTIMES[plan.runtime.name].isolates

    def start(name: str) -> None:
        unregister_ended_brokers(lab, Deadline.after(QUORUM_SECONDS))
        runtime.up([name])

    return Nodes(
        brokers={node.id: node.name for node in plan.brokers},
        voters={node.id: node.name for node in plan.voters},
        stop=lambda name: runtime.stop([name]),
        kill=lambda name: runtime.kill([name]),
        isolate=lambda name: runtime.isolate([name]) if isolates else runtime.pause([name]),
        rejoin=lambda name: runtime.resume([name]),
        start=start,
        connect=lambda brokers, seconds: connect(plan, 2, seconds, brokers),
        memory=lambda: {state.name: state.memory for state in runtime.nodes(memory=True) if state.memory},
        replication_factor=plan.internal_replication_factor,
        upgrade=lambda: upgrade_nodes(lab, new, store, log.note, finalize=True) if new else iter(()),
        isolation="disconnected from the network" if isolates else "frozen, as this runtime has no network of its own",
    )


@contextlib.contextmanager
def _repaired(lab: ExistingLab) -> Iterator[None]:
    """All nodes work again after the block, whatever it did and however it ends."""
    try:
        yield
    finally:
        if away := idle_nodes(lab.runtime):
            lab.runtime.resume(away)
            with contextlib.suppress(LabError):
                unregister_ended_brokers(lab, Deadline.after(QUORUM_SECONDS))
            lab.runtime.up(away)
            with connect(lab.plan, 1) as client:
                await_preferred_leaders(client, Deadline.after(REPAIR_SECONDS))
