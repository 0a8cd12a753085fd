"""Brokers that were killed, and that Kafka still takes for running."""

from __future__ import annotations

from labctl.errors import KafkaFailed
from labctl.lab.existing import ExistingLab, connect
from labctl.system.waiting import Deadline

ELECTION_SECONDS = 10.0  # where the killed node was the quorum's leader, a response waits for the election of another


def unregister_killed_brokers(lab: ExistingLab, deadline: Deadline) -> None:
    """Make Kafka forget the brokers whose nodes ended, so that they can register again at once.

    Without this a node that was killed can't come back for 9 s: until its session ends (broker.session.timeout.ms),
    the controller refuses another broker with its id. Does nothing where no other node leads the quorum. Raises
    KafkaFailed where the controller does not say that it has done it: a late one would remove the new broker; HostError
    or RuntimeFailed where the runtime does not respond.
    """
    plan = lab.plan
    ended = _ended(lab)
    killed = ended & {node.id for node in plan.brokers}
    voters = {node.id for node in plan.voters}
    if not killed or len(killed) == len(plan.brokers) or len(voters - ended) <= len(voters) // 2:
        return
    with connect(plan, seconds=1, answer=deadline.within(ELECTION_SECONDS).left) as client:
        try:
            leader = client.quorum().leader
            taken_for_running = killed & set(client.broker_endpoints())
        except KafkaFailed:  # they elect no leader
            return
        for broker in sorted(taken_for_running - {leader}):
            if broker in _ended(lab):  # not one that somebody has started meanwhile
                client.unregister_broker(broker)


def _ended(lab: ExistingLab) -> set[int]:
    """The ids of the nodes that don't run now."""
    running = {state.name for state in lab.runtime.nodes() if state.state == "running"}
    return {node.id for node in lab.plan.nodes if node.name not in running}
