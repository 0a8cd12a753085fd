"""Brokers that ended, and whose ids the controller still keeps for them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.kafka.client import KafkaClient
from labctl.lab.existing import ExistingLab, connect
from labctl.plan.model import LabPlan
from labctl.system.waiting import Deadline, NotReady, wait_until

ELECTION_SECONDS = 10.0  # where the ended node was the quorum's leader, a response waits for the election of another
LOOK_SECONDS = 2.0  # for the response of one broker about the quorum
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
    brokers = {node.id for node in plan.brokers}
    ended = nodes & brokers
    voters = {node.id for node in plan.voters}
    if not ended or ended == brokers or len(voters - nodes) <= len(voters) // 2:
        return
    found = _reaching_the_controller(plan, sorted(brokers - ended), deadline.within(ELECTION_SECONDS))
    if found is None:  # the others elect no leader
        return
    broker, leader = found
    with connect(plan, 1, ELECTION_SECONDS, [broker]) as client:
        try:
            forgettable = _forgettable(client, ended)
        except KafkaFailed:
            return
        for forgotten in sorted(forgettable - {leader}):
            if forgotten in _ended(lab):  # not one that somebody has started meanwhile
                client.unregister_broker(forgotten)


def _reaching_the_controller(plan: LabPlan, brokers: Sequence[int], deadline: Deadline) -> tuple[int, int] | None:
    """One of the brokers whose requests the controller answers, and the quorum's leader; None where none is found.

    In Docker a broker may hold its requests for a controller whose container is gone until that is back: nothing
    refuses the connection.
    """
    candidates = itertools.cycle(brokers)

    def probe() -> tuple[int, int]:
        broker = next(candidates)
        try:
            with connect(plan, 1, LOOK_SECONDS, [broker]) as client:
                return broker, client.quorum().leader
        except KafkaFailed as error:
            raise NotReady(error.message) from error

    with contextlib.suppress(ReadinessTimeout):
        return wait_until(probe, what="expected a broker that reaches the controller", deadline=deadline).result
    return None


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
