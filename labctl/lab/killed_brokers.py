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
    killed = _killed(lab)
    if len(killed) in {0, len(plan.brokers)}:
        return
    with connect(plan, seconds=1, answer=ANSWER_SECONDS) as client:
        try:
            leader = client.quorum().leader
            taken_for_running = killed & set(client.broker_endpoints())
        except KafkaFailed:  # most voters are down too
            return
        for broker in sorted(taken_for_running - {leader}):
            if broker in _killed(lab):  # not one that somebody has started meanwhile
                client.unregister_broker(broker)


def _killed(lab: ExistingLab) -> set[int]:
    """The ids of the brokers whose nodes don't run now."""
    running = {state.name for state in lab.runtime.nodes() if state.state == "running"}
    return {node.id for node in lab.plan.brokers if node.name not in running}
