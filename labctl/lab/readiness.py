"""What "ready" means, in layers, cheapest first.

A failure names the layer, what was expected, and what was observed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labctl.diagnostics.diagnosis import NodeTrace, diagnose, root_cause
from labctl.errors import HostError, KafkaFailed, NodeDied, ReadinessTimeout, RuntimeFailed
from labctl.kafka.client import KafkaClient, connection_error
from labctl.kafka.server_log import last_run
from labctl.plan.model import LabPlan
from labctl.results import StepResult
from labctl.runtime.base import Runtime
from labctl.system.waiting import Deadline, NotReady, wait_until

LOG_TAIL = 2000  # lines
NODE_CHECK_SECONDS = 0.1  # between two checks of the nodes: each costs CPU time that the nodes need to start
NODE_CHECK_SHARE = 10  # or this many times what the last check took: a docker command takes 30 ms


@dataclass(frozen=True, slots=True)
class Layer:
    """One meaning of ready. `probe` returns what it observed, or raises NotReady with what it observed instead."""

    name: str
    expected: Callable[[LabPlan], str]
    probe: Callable[[LabPlan, KafkaClient], str]
    remedy: str = "allow more time (--timeout), or examine the lab: labctl up --keep, then labctl logs"
    fault: str = ""  # the known fault that a timeout here means


def wait_until_ready(plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline) -> Iterator[StepResult]:
    """Require that every node runs, then wait for each layer; yield each as it passes.

    Raises NodeDied, ReadinessTimeout; HostError or RuntimeFailed where the runtime does not respond.
    """
    started = time.monotonic()
    running = refuse_dead_nodes(runtime)
    yield StepResult("ready: nodes", "passed", round(time.monotonic() - started, 3), 1, running)
    yield from _wait_for(LAYERS, plan, runtime, client, deadline)


def wait_for_topics(plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline) -> Iterator[StepResult]:
    """Wait for the last layer, each partition of the plan's topics with a leader and a full ISR; yield it.

    Raises NodeDied, ReadinessTimeout; HostError or RuntimeFailed where the runtime does not respond.
    """
    yield from _wait_for((TOPICS_LAYER,), plan, runtime, client, deadline)


def start_ended_nodes(runtime: Runtime) -> bool:
    """Start the nodes that ended and may run now, and return whether there are any.

    False too where the runtime does not respond: what failed before is the report. Raises LabError as `start_again`,
    where a node can't be started.
    """
    try:
        states = runtime.nodes()
    except (HostError, RuntimeFailed):
        return False
    started = [runtime.start_again(state.name) for state in states if state.state != "running"]
    return any(started)


def refuse_dead_nodes(runtime: Runtime) -> str:
    """Return how many nodes run. Raises NodeDied with the root cause of the node that ended first.

    A node that the runtime starts again is not dead. Raises HostError or RuntimeFailed where
    the runtime does not respond.
    """
    states = runtime.nodes()
    dead = [state for state in states if state.state != "running" and not runtime.start_again(state.name)]
    if dead:
        node = min(dead, key=lambda state: state.ended or 0.0)
        log = last_run(runtime.logs(node.name, tail=LOG_TAIL))
        known = diagnose([NodeTrace(node.name, node.state, node.reason, log)])
        state = f" ({node.reason})" if node.reason else ""
        logged = root_cause(log)
        quoted = known.cause.partition(": ")[2] if known else ""
        complete = known and (not log or (quoted and quoted in logged))
        why = logged if known is None else known.cause if complete else f"{known.cause}; its log: {logged}"
        remedy = known.remedy if known else f"read its log: labctl logs {node.name}"
        raise NodeDied(f"node {node.name} ended{state}: {why}", remedy, known.fault if known else "")
    return f"{len(states)} running"


def _wait_for(
    layers: tuple[Layer, ...], plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline
) -> Iterator[StepResult]:
    nodes = _NodeWatch(runtime)
    for layer in layers:
        started = time.monotonic()

        def probe(layer: Layer = layer) -> str:
            try:
                return layer.probe(plan, client)
            except (KafkaFailed, NotReady) as error:
                nodes.check()
                if isinstance(error, NotReady):
                    raise
                client.close()
                raise NotReady(error.message) from error

        try:
            waited = wait_until(probe, what=f"layer {layer.name}: expected {layer.expected(plan)}", deadline=deadline)
        except ReadinessTimeout as error:
            raise ReadinessTimeout(error.message, layer.remedy, layer.fault) from error
        seconds = time.monotonic() - started
        yield StepResult(f"ready: {layer.name}", "passed", round(seconds, 3), waited.attempts, waited.result)


class _NodeWatch:
    """Checks the nodes while Kafka does not respond, but not all the time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._next = 0.0

    def check(self) -> None:
        """Raise NodeDied where a node ended. Do nothing soon after the last check."""
        started = time.monotonic()
        if started >= self._next:
            refuse_dead_nodes(self._runtime)
            now = time.monotonic()
            self._next = now + max(NODE_CHECK_SECONDS, NODE_CHECK_SHARE * (now - started))


def _quorum(plan: LabPlan, client: KafkaClient) -> str:
    for address in client.addresses:
        if problem := connection_error(address):
            raise NotReady(problem)
    voters = {voter.id for voter in plan.voters}
    quorums = client.quorum_by_broker()
    for node, quorum in zip(plan.brokers, quorums.values(), strict=True):
        if problem := quorum.problem(voters):
            raise NotReady(f"{problem}, as {node.name} reports")
    leaders = sorted({quorum.leader for quorum in quorums.values()})
    if len(leaders) > 1:
        raise NotReady(f"the brokers follow the leaders {leaders}")
    return f"leader {leaders[0]}, {len(voters)} of {len(voters)} voters caught up"


def _brokers(plan: LabPlan, client: KafkaClient) -> str:
    planned = {node.id for node in plan.brokers}
    missing = sorted(planned - set(client.broker_endpoints()))
    if missing:
        raise NotReady(f"brokers {missing} are not registered or fenced")
    return f"{len(planned)} unfenced"


def _external(plan: LabPlan, client: KafkaClient) -> str:
    advertised = client.broker_endpoints()
    for node, planned in zip(plan.brokers, plan.external_addresses, strict=True):
        if advertised.get(node.id) != planned:
            raise NotReady(f"broker {node.id} advertises {advertised.get(node.id)}")
        if problem := connection_error(planned):
            raise NotReady(f"broker {node.id} advertises {planned}: {problem}")
    return plan.bootstrap


def _topics(plan: LabPlan, client: KafkaClient) -> str:
    described = client.topics([topic.name for topic in plan.topics])
    for topic in plan.topics:
        partitions = described.get(topic.name, ())
        if not partitions:
            raise NotReady(f"topic {topic.name} does not exist yet")
        for partition in partitions:
            if problem := partition.problem(topic.name):
                raise NotReady(problem)
    return f"{sum(len(described[topic.name]) for topic in plan.topics)} partitions with a leader and a full ISR"


LAYERS = (
    Layer("quorum", lambda plan: f"a leader and {len(plan.voters)} voters caught up", _quorum),
    Layer("brokers", lambda plan: f"{len(plan.brokers)} brokers registered and unfenced", _brokers),
    Layer(
        "external",
        lambda plan: f"{plan.bootstrap} to respond on this machine, as advertised",
        _external,
        "clients connect to listeners.external.advertise: fix it in lab.yaml",
        "wrong-advertised",
    ),
)
TOPICS_LAYER = Layer("topics", lambda _plan: "a leader and a full ISR for each partition", _topics)
