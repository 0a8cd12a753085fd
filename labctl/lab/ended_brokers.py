"""Brokers that ended, and whose ids the controller still keeps for them."""

from __future__ import annotations

from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient
from labctl.lab.existing import ExistingLab, connect
from labctl.system.waiting import Deadline

ELECTION_SECONDS = 10.0  # where the ended node was the quorum's leader, a response waits for the election of another
FEWEST_COPIES = 2  # of each record, on other brokers


def unregister_ended_brokers(lab: ExistingLab, deadline: Deadline) -> None:
    """Make Kafka forget the brokers whose nodes ended, so that they can register again at once.

    Without this a node can't come back for 9 s after its end: until its session ends (broker.session.timeout.ms), the
    controller refuses another broker with its id, also where the node was stopped and not killed. Does nothing where no
    other node leads the quorum. Raises KafkaFailed where the controller does not say that it has done it: a late one
    would remove the new broker; HostError or RuntimeFailed where the runtime does not respond.
    """
    plan = lab.plan
    nodes = _ended(lab)
    ended = nodes & {node.id for node in plan.brokers}
    voters = {node.id for node in plan.voters}
    if not ended or len(ended) == len(plan.brokers) or len(voters - nodes) <= len(voters) // 2:
        return
    with connect(plan, seconds=1, answer=deadline.within(ELECTION_SECONDS).left) as client:
        try:
            leader = client.quorum().leader
            forgettable = _forgettable(client, ended)
        except KafkaFailed:  # they elect no leader
            return
        for broker in sorted(forgettable - {leader}):
            if broker in _ended(lab):  # not one that somebody has started meanwhile
                client.unregister_broker(broker)


def _forgettable(client: KafkaClient, ended: set[int]) -> set[int]:
    """Those of the ended brokers that are taken for running, and those that no partition needs as it was.

    Where a partition's ISR is short, Kafka remembers that a broker that was stopped has each record, and may lead it
    without loss (KIP-966). This it would forget too.
    """
    taken_for_running = ended.intersection(client.broker_endpoints())
    if taken_for_running == ended:
        return taken_for_running
    needed = {
        broker
        for partitions in client.topics().values()
        for partition in partitions
        for broker in partition.replicas
        if len(set(partition.in_sync) - {broker}) < FEWEST_COPIES
    }
    return taken_for_running | (ended - needed)


def _ended(lab: ExistingLab) -> set[int]:
    """The ids of the nodes that don't run now."""
    running = {state.name for state in lab.runtime.nodes() if state.state == "running"}
    return {node.id for node in lab.plan.nodes if node.name not in running}
