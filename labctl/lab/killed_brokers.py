"""Brokers that were killed, and that Kafka still takes for running."""

from __future__ import annotations

from labctl.errors import KafkaFailed
from labctl.lab.existing import ExistingLab, connect

ANSWER_SECONDS = 10.0  # where the killed node was the quorum's leader, a response waits for the election of another


def unregister_killed_brokers(lab: ExistingLab) -> None:
    """Make Kafka forget the brokers whose nodes ended, so that they can register again at once.

    Without this a node that was killed can't come back for 9 s: until its session ends (broker.session.timeout.ms),
    the controller refuses another broker with its id. Does nothing where no other node leads the quorum. Raises
    KafkaFailed where the controller does not say that it has done it: a late one would remove the new broker; HostError
    or RuntimeFailed where the runtime does not respond.
    """
    plan = lab.plan
    running = {state.name for state in lab.runtime.nodes() if state.state == "running"}
    killed = {node.id for node in plan.brokers if node.name not in running}
    if not killed or len(killed) == len(plan.brokers):
        return
    with connect(plan, seconds=1, answer=ANSWER_SECONDS) as client:
        try:
            leader = client.quorum().leader
            taken_for_running = sorted(killed & set(client.broker_endpoints()))
        except KafkaFailed:  # most voters are down too
            return
        if leader in {voter.id for voter in plan.voters if voter.name in running}:
            for broker in taken_for_running:
                client.unregister_broker(broker)
