"""What "ready" means, in layers, cheapest first. Each layer's failure names it, what was expected and what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labctl.diagnosis import NodeTrace, diagnose, first_error
from labctl.errors import KafkaFailed, NodeDied, ReadinessTimeout
from labctl.kafka_client import KafkaClient, answers
from labctl.plan import LabPlan
from labctl.results import StepResult
from labctl.runtime.base import Runtime
from labctl.waiting import Deadline, NotReady, wait_until

LOG_TAIL = 2000
LOOK_SECONDS = 0.1  # from one look at the nodes to the next: it costs the CPU that they need to start
LOOK_SHARE = 10  # a look at the nodes is taken again after this many times what it took: a docker command costs 30 ms


@dataclass(frozen=True, slots=True)
class Layer:
    """One meaning of ready. `probe` returns what it saw, or raises NotReady with what it saw instead."""

    name: str
    expected: Callable[[LabPlan], str]
    probe: Callable[[LabPlan, KafkaClient], str]
    remedy: str = "give it longer (--timeout), or look at it: labctl up --keep, then labctl logs"
    fault: str = ""  # the known fault that a time-out here means


def wait_until_ready(plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline) -> Iterator[StepResult]:
    """Every node runs, then wait for each layer in turn. Raises NodeDied or ReadinessTimeout."""
    started = time.monotonic()
    running = refuse_dead_nodes(runtime)
    yield StepResult("ready: nodes", "passed", round(time.monotonic() - started, 3), 1, running)
    yield from _wait(LAYERS, plan, runtime, client, deadline)


def wait_for_topics(plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline) -> Iterator[StepResult]:
    """The last layer: each partition of the plan's topics has a leader and all its copies in sync."""
    yield from _wait((TOPICS_LAYER,), plan, runtime, client, deadline)


def _wait(
    layers: tuple[Layer, ...], plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline
) -> Iterator[StepResult]:
    look_again = 0.0
    for layer in layers:
        started = time.monotonic()

        def probe(layer: Layer = layer) -> str:
            nonlocal look_again
            try:
                return layer.probe(plan, client)
            except (KafkaFailed, NotReady) as error:
                looked = time.monotonic()
                if looked >= look_again:
                    refuse_dead_nodes(runtime)
                    took = time.monotonic() - looked
                    look_again = time.monotonic() + max(LOOK_SECONDS, LOOK_SHARE * took)
                if isinstance(error, NotReady):
                    raise
                client.close()
                raise NotReady(error.message) from error

        try:
            waited = wait_until(probe, what=f"layer {layer.name}: expected {layer.expected(plan)}", deadline=deadline)
        except ReadinessTimeout as error:
            raise ReadinessTimeout(error.message, layer.remedy, layer.fault) from error
        seconds = time.monotonic() - started
        yield StepResult(f"ready: {layer.name}", "passed", round(seconds, 3), waited.attempts, waited.answer)


def refuse_dead_nodes(runtime: Runtime) -> str:
    """Raise NodeDied with the reason from its log where a node does not run any more; the one that ended first.

    One that the runtime can start again in a surer way is not dead.
    """
    states = runtime.nodes()
    dead = [node for node in states if node.state != "running" and not runtime.revive(node.name)]
    if dead:
        node = min(dead, key=lambda one: one.ended or 0.0)
        log = runtime.logs(node.name, tail=LOG_TAIL)
        known = diagnose([NodeTrace(node.name, node.state, node.reason, log)])
        how = f" ({node.reason})" if node.reason else ""
        said = first_error(log)
        quoted = known.cause.partition(": ")[2] if known else ""
        told = known and (not log or (quoted and quoted in said))
        why = said if known is None else known.cause if told else f"{known.cause}; its log: {said}"
        hint = known.remedy if known else f"read its log: labctl logs {node.name}"
        raise NodeDied(f"node {node.name} ended{how}: {why}", hint, known.fault if known else "")
    return f"{len(states)} running"


def _quorum(plan: LabPlan, client: KafkaClient) -> str:
    for address in client.bootstrap.split(","):
        refusal = answers(address)
        if refusal:
            raise NotReady(refusal)
    wanted = {voter.id for voter in plan.voters}
    seen = client.quorums()
    for node, quorum in zip(plan.brokers, seen.values(), strict=True):
        refusal = quorum.refusal(wanted)
        if refusal:
            raise NotReady(f"{refusal}, as {node.name} is told")
    leaders = sorted({quorum.leader for quorum in seen.values()})
    if len(leaders) > 1:
        raise NotReady(f"the brokers follow the leaders {leaders}")
    return f"leader {leaders[0]}, {len(wanted)} of {len(wanted)} voters caught up"


def _brokers(plan: LabPlan, client: KafkaClient) -> str:
    wanted = {node.id for node in plan.brokers}
    seen = client.advertised()
    missing = sorted(wanted - set(seen))
    if missing:
        raise NotReady(f"brokers {missing} are not registered or fenced")
    return f"{len(wanted)} unfenced"


def _external(plan: LabPlan, client: KafkaClient) -> str:
    seen = client.advertised()
    for node in plan.brokers:
        wanted = node.listener("EXTERNAL").advertised
        if seen.get(node.id) != wanted:
            raise NotReady(f"broker {node.id} advertises {seen.get(node.id)}")
        refusal = answers(str(wanted))
        if refusal:
            raise NotReady(f"broker {node.id} advertises {wanted}: {refusal}")
    return plan.external


def _topics(plan: LabPlan, client: KafkaClient) -> str:
    described = client.topics([topic.name for topic in plan.topics])
    for topic in plan.topics:
        partitions = described.get(topic.name, ())
        if not partitions:
            raise NotReady(f"topic {topic.name} is not there yet")
        for one in partitions:
            if one.leader < 0:
                raise NotReady(f"{topic.name}-{one.number} has no leader")
            if len(one.in_sync) < len(one.replicas):
                raise NotReady(
                    f"{topic.name}-{one.number} has {len(one.in_sync)} of {len(one.replicas)} copies in sync"
                )
    return f"{sum(len(described[topic.name]) for topic in plan.topics)} partitions led and in sync"


LAYERS = (
    Layer("quorum", lambda plan: f"a leader and {len(plan.voters)} voters caught up", _quorum),
    Layer("brokers", lambda plan: f"{len(plan.brokers)} brokers registered and unfenced", _brokers),
    Layer(
        "external",
        lambda plan: f"{plan.external} to answer on this machine, as advertised",
        _external,
        "clients are sent where listeners.external.advertise says: mend it in lab.yaml",
        "wrong-advertised",
    ),
)
TOPICS_LAYER = Layer("topics", lambda _plan: "a leader and every copy in sync for each partition", _topics)
