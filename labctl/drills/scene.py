"""One run of a drill: the faults that it makes, what it waits for, and the record of both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from labctl.drills.traffic import Traffic
from labctl.errors import LabError
from labctl.kafka.client import KafkaClient
from labctl.kafka.waiting import wait_for_kafka
from labctl.kafka.whole_cluster import require_whole
from labctl.plan.sizes import MEBIBYTE
from labctl.results import DrillEvent, Partition
from labctl.system.parallel import BackgroundJob
from labctl.system.waiting import Deadline, NotReady

T = TypeVar("T")

FLOW_RECORDS = 20  # of each partition: then writing works
TOPIC_PARTITIONS = 100  # of each topic of the drill `partitions`
MANY_SECONDS = 300.0  # for thousands of partitions
ACT_SECONDS = 20.0  # for a stop that an interrupted drill leaves: until then the node can't be started again
ANSWER_SECONDS = 20.0  # for a response: the creation of thousands of partitions takes some
LOOK_SECONDS = 1.0  # for a response about the quorum, which is asked for again
STEP_SECONDS = 90.0  # for one effect: sessions end after 9 s, a node starts in 2 s, on a busy machine in 30


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a lab, and what a drill does to them by their names.

    `isolation` is what `isolate` does in this runtime, in words.
    """

    brokers: Mapping[int, str]  # {id: name}
    voters: Mapping[int, str]
    stop: Callable[[str], None]
    kill: Callable[[str], None]
    isolate: Callable[[str], None]
    rejoin: Callable[[str], None]
    start: Callable[[str], None]
    connect: Callable[[Collection[int], float], KafkaClient]  # a client of these brokers, and seconds for a response
    memory: Callable[[], Mapping[str, int]]  # {name of a node that runs: its bytes}
    replication_factor: int = 3
    # upgrades the nodes to a newer Kafka, one after another: yields the name and the seconds of each
    upgrade: Callable[[], Iterator[tuple[str, float]]] = lambda: iter(())
    isolation: str = "isolated"

    def name(self, node: int) -> str:
        """Return the name of a node by its id."""
        return {**self.voters, **self.brokers}[node]


class Scene:
    """One run of a drill in a cluster whose brokers all work when it begins. Use it in a with statement.

    Its waits raise ReadinessTimeout with what was last observed; what it does to nodes raises LabError.
    """

    def __init__(self, nodes: Nodes, topic: str, traffic: Traffic, partitions: int = 0) -> None:
        self.nodes, self.topic, self.traffic = nodes, topic, traffic
        self.partitions = partitions  # that the drill `partitions` creates
        self.began = time.monotonic()
        self.events: list[DrillEvent] = []
        self.recoveries: list[float] = []
        self._fault_at = self.began
        self._many: list[str] = []
        self._away: set[int] = set()
        self._acting: BackgroundJob[None] | None = None
        self._client = nodes.connect(nodes.brokers, ANSWER_SECONDS)

    def close(self) -> None:
        """Wait for what is being done to a node, and close the connections."""
        if self._acting:
            with contextlib.suppress(LabError, TimeoutError):
                self._acting.result(ACT_SECONDS)
        self._client.close()

    # -- what it does ------------------------------------------------------

    def kill(self, node: int) -> None:
        """End a node as a power cut does."""
        self._make_fault(node, "killed", self.nodes.kill)

    def stop(self, node: int) -> None:
        """Stop a node as an operator does."""
        self._make_fault(node, "stopped", self.nodes.stop)

    def isolate(self, node: int) -> None:
        """Cut a node off from the others and from its clients."""
        self._make_fault(node, self.nodes.isolation, self.nodes.isolate)

    def start(self, node: int) -> None:
        """Start a node that ended."""
        self._repair(node, "started", self.nodes.start)

    def rejoin(self, node: int) -> None:
        """Connect a node again that was cut off."""
        self._repair(node, "connected again", self.nodes.rejoin)

    def upgrade(self) -> None:
        """Upgrade each node, one after another."""
        for name, seconds in self.nodes.upgrade():
            self.note("repair", f"{name} runs the new Kafka, {seconds:.1f} s after its stop began")

    def create_partitions(self) -> None:
        """Create the topics of the drill `partitions`, and wait until each replica has its log."""
        count = -(-self.partitions // TOPIC_PARTITIONS)
        sizes = {
            f"{self.topic}-{number}": min(TOPIC_PARTITIONS, self.partitions - TOPIC_PARTITIONS * number)
            for number in range(count)
        }
        began = time.monotonic()
        replicas = self.nodes.replication_factor
        self._client.create_topics({name: (size, replicas, {}) for name, size in sizes.items()})

        def require_complete(name: str, partitions: Sequence[Partition]) -> None:
            if len(partitions) < sizes[name]:
                raise NotReady(f"{name} has {len(partitions)} of {sizes[name]} partitions")
            if problems := [problem for each in partitions if (problem := each.problem(name))]:
                raise NotReady(problems[0])
            numbers = [each.number for each in partitions]
            logs = self._client.log_counts(name, numbers)
            if missing := [number for number in numbers if logs[number] < replicas]:
                raise NotReady(f"{name}-{missing[0]} has {logs[missing[0]]} of {replicas} logs")

        self._await_topics(list(sizes), require_complete, "a log of each replica", MANY_SECONDS)
        self.note("effect", f"{self.partitions:,} partitions created in {time.monotonic() - began:.1f} s")
        self._many = list(sizes)

    def delete_partitions(self) -> None:
        """Delete the topics of the drill `partitions`. Raises KafkaFailed."""
        self._client.delete_topics(self._many)

    def note_memory(self) -> None:
        """Record the memory of the nodes."""
        used = ", ".join(f"{name} {size // MEBIBYTE} MiB" for name, size in sorted(self.nodes.memory().items()))
        self.note("effect", f"memory: {used}")

    def note(self, kind: Literal["fault", "effect", "repair"], text: str, at: float | None = None) -> None:
        """Record an event; `at` on the monotonic clock, now where None."""
        moment = time.monotonic() if at is None else at
        self.events.append(DrillEvent(round(moment - self.began, 3), kind, text))

    def _make_fault(self, node: int, what: str, act: Callable[[str], None]) -> None:
        self._away.add(node)
        self._reconnect()
        self._fault_at = time.monotonic()
        # a stop takes seconds: its effects come first
        self._acting = BackgroundJob(partial(act, self.nodes.name(node)))
        self.note("fault", f"{self.nodes.name(node)} {what}", self._fault_at)

    def _repair(self, node: int, what: str, act: Callable[[str], None]) -> None:
        if self._acting:
            self._acting.result(STEP_SECONDS)
            self._acting = None
        act(self.nodes.name(node))
        self.note("repair", f"{self.nodes.name(node)} {what}")
        self._away.discard(node)

    def _reconnect(self) -> None:
        self._client.close()
        self._client = self.nodes.connect(self._working(), ANSWER_SECONDS)

    def _working(self) -> list[int]:
        return [broker for broker in self.nodes.brokers if broker not in self._away]

    # -- what it observes --------------------------------------------------

    def leader_of(self, partition: int = 0) -> int:
        """Return the broker that leads a partition of the drill's topic. Raises NotReady, KafkaFailed."""
        return next(each.leader for each in self._partitions(self.topic) if each.number == partition)

    def quorum_leader(self) -> int:
        """Return the voter that leads the quorum. Raises KafkaFailed."""
        return self._client.quorum().leader

    # -- what it waits for -------------------------------------------------

    def await_leaders(self) -> None:
        """Wait until brokers that work lead each partition of the drill's topic: that ends the recovery."""

        def require_led(name: str, partitions: Sequence[Partition]) -> None:
            misled = [each.number for each in partitions if each.leader in self._away or each.leader < 0]
            if misled:
                raise NotReady(f"{name}-{misled[0]} has no leader that works")

        seconds = MANY_SECONDS if self._many else STEP_SECONDS
        found = self._await_topics([self.topic, *self._many], require_led, "leaders of each partition", seconds)
        self._recovered()
        leaders = ", ".join(f"{each.number} by {each.leader}" for each in found[self.topic])
        if self._many:
            leaders = f"all {sum(map(len, found.values())):,}"
        self.note("effect", f"partitions led: {leaders}")

    def await_quorum(self) -> None:
        """Wait until a voter that works leads the quorum: that ends the recovery."""

        def probe() -> int:
            leader = client.quorum().leader
            if leader < 0 or leader in self._away:
                raise NotReady(f"the quorum has leader {leader}")
            return leader

        # a broker holds the request that it has just sent on to a controller whose container is gone
        deadline = Deadline.after(STEP_SECONDS)
        with self.nodes.connect(self._working(), LOOK_SECONDS) as client:
            leader = wait_for_kafka(client, probe, what="expected a leader of the quorum", deadline=deadline)
        self._recovered()
        self.note("effect", f"{self.nodes.name(leader)} leads the quorum")

    def await_fenced(self) -> None:
        """Wait until Kafka has fenced the brokers that don't work."""

        def probe() -> None:
            if known := self._away & set(self._client.broker_endpoints()):
                raise NotReady(f"broker {min(known)} is registered and unfenced")

        self._await(probe, "the broker fenced")
        self.note("effect", f"broker {', '.join(map(str, sorted(self._away & set(self.nodes.brokers))))} fenced")

    def await_flow(self) -> None:
        """Wait until new records of each partition are acknowledged."""
        before = self.traffic.acknowledged()

        def probe() -> None:
            now = self.traffic.acknowledged()
            if stuck := [number for number, count in enumerate(before) if now[number] < count + FLOW_RECORDS]:
                raise NotReady(f"{self.topic}-{stuck[0]} accepts no records")

        self._await(probe, "acknowledged records of each partition")

    def await_commits(self) -> None:
        """Wait until the group has committed."""

        def probe() -> None:
            if not self.traffic.commits:
                raise NotReady("the group has committed nothing")

        self._await(probe, "a commit of the group")

    def await_whole(self) -> None:
        """Wait until everything in the cluster is in its place."""
        self._reconnect()

        def probe() -> None:
            require_whole(self._client, self.nodes.brokers, self.nodes.voters)

        self._await(probe, "all nodes in their place", MANY_SECONDS if self._many else STEP_SECONDS)
        self.note("repair", "each ISR full, each preferred leader back")

    def _recovered(self) -> None:
        self.recoveries.append(round(time.monotonic() - self._fault_at, 3))

    def _partitions(self, name: str) -> tuple[Partition, ...]:
        described = self._client.topics([name])
        if name not in described:
            raise NotReady(f"topic {name} is not described")
        return described[name]

    def _await_topics(
        self, names: Sequence[str], require: Callable[[str, Sequence[Partition]], None], what: str, seconds: float
    ) -> dict[str, tuple[Partition, ...]]:
        """Wait until `require` raises NotReady for none of the topics, and return their partitions.

        Each is asked for until it is as required, and not again: a request for thousands of partitions, repeated, would
        take the time from Kafka that is measured.
        """
        found: dict[str, tuple[Partition, ...]] = {}

        def probe() -> None:
            for name in names[len(found) :]:
                partitions = self._partitions(name)
                require(name, partitions)
                found[name] = partitions

        self._await(probe, what, seconds)
        return found

    def _await(self, probe: Callable[[], T], what: str, seconds: float = STEP_SECONDS) -> T:
        return wait_for_kafka(self._client, probe, what=f"expected {what}", deadline=Deadline.after(seconds))
