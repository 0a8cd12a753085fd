"""What a lab's Kafka reports of itself at one moment: its brokers, its quorum, the leader and ISR of each partition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labctl.errors import KafkaFailed, LabStopped
from labctl.kafka.client import KafkaClient, Quorum, Voter, connection_error
from labctl.kafka.late_quorum import read_quorum
from labctl.lab.existing import ExistingLab, connect
from labctl.plan.model import LabPlan
from labctl.results import Partition
from labctl.runtime.base import NodeState, Runtime

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0  # without a majority of the voters nobody responds for the quorum


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What Kafka reports. `brokers` are the registered and unfenced ones.

    `problem` is why it reports nothing, or, where the quorum alone is missing, why that is.
    """

    brokers: frozenset[int] = frozenset()
    topics: Mapping[str, tuple[Partition, ...]] = field(default_factory=dict)
    quorum: Quorum | None = None
    problem: str = ""

    @property
    def partitions(self) -> dict[str, Partition]:
        """Every partition by its name, TOPIC-NUMBER."""
        return {f"{topic}-{each.number}": each for topic, partitions in self.topics.items() for each in partitions}

    @property
    def without_leader(self) -> list[str]:
        """The partitions that can't be written or read now."""
        return [name for name, partition in self.partitions.items() if partition.leader < 0]

    @property
    def isr_not_full(self) -> list[str]:
        """The partitions with fewer replicas in the ISR than there are."""
        return [name for name, each in self.partitions.items() if set(each.in_sync) != set(each.replicas)]

    def led_by(self, broker: int) -> int:
        """Return the number of partitions that `broker` leads."""
        return sum(each.leader == broker for partitions in self.topics.values() for each in partitions)


def view_of(plan: LabPlan, states: Sequence[NodeState]) -> ClusterView:
    """Return what Kafka reports, asked where its nodes work. Raises HostError where its password can't be read."""
    addresses = plan.host_addresses
    problems = {broker: connection_error(addresses[broker]) for broker in working_brokers(plan, states)}
    responding = [broker for broker, problem in problems.items() if not problem]
    if not responding:
        return ClusterView(problem=next(iter(problems.values()), None) or "no broker runs")
    with connect_to(plan, responding) as client:
        return read_view(client)


def working_brokers(plan: LabPlan, states: Sequence[NodeState]) -> list[int]:
    """Return the ids of the brokers whose nodes work."""
    working = {state.name for state in states if works(state)}
    return [node.id for node in plan.brokers if node.name in working]


def works(state: NodeState) -> bool:
    """Return whether a node runs, and is neither frozen nor isolated."""
    return state.state == "running" and not state.hindrance


def idle_nodes(runtime: Runtime) -> list[str]:
    """Return the names of the nodes that don't work. Raises LabError."""
    return [state.name for state in runtime.nodes() if not works(state)]


def require_all_work(lab: ExistingLab) -> None:
    """Raise LabStopped where not all nodes of the lab work. Raises LabError."""
    if away := idle_nodes(lab.runtime):
        raise LabStopped(f"not all nodes of the lab {lab.plan.name} work: {', '.join(away)}", "labctl up starts them")


def connect_to(plan: LabPlan, brokers: Collection[int]) -> KafkaClient:
    """Return a client that asks only `brokers`: one that is frozen would accept the connection, and never respond.

    Raises HostError where the lab's password can't be read.
    """
    return connect(plan, CONNECT_SECONDS, ANSWER_SECONDS, brokers)


def read_view(client: KafkaClient) -> ClusterView:
    """Return what Kafka reports now. Raises nothing: where Kafka does not respond, `problem` says why."""
    return with_quorum(read_brokers(client), client)


def read_brokers(client: KafkaClient) -> ClusterView:
    """Return what the brokers report, without the quorum, which may take long. Raises nothing."""
    try:
        return ClusterView(frozenset(client.broker_endpoints()), client.topics())
    except KafkaFailed as error:
        return ClusterView(problem=error.message)


def with_quorum(view: ClusterView, client: KafkaClient) -> ClusterView:
    """Return the view with the quorum. Raises nothing."""
    if view.problem:
        return view
    quorum, problem = read_quorum(client)
    return replace(view, quorum=quorum, problem=problem)


def quorum_document(quorum: Quorum) -> dict[str, Any]:
    """Return the quorum for JSON."""

    def listed(replicas: Sequence[Voter]) -> list[dict[str, Any]]:
        return [{"id": each.id, "behind": each.behind, "caught_up": each.caught_up} for each in replicas]

    return {"leader": quorum.leader, "voters": listed(quorum.voters), "observers": listed(quorum.observers)}


def partitions_document(view: ClusterView) -> dict[str, Any]:
    """Return the numbers of the partitions for JSON."""
    return {
        "total": len(view.partitions),
        "without_leader": len(view.without_leader),
        "isr_not_full": len(view.isr_not_full),
    }
