"""Restarting the nodes of a running lab, one after another, so that its clients lose nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from labctl.kafka.waiting import wait_for_kafka
from labctl.kafka.whole_cluster import require_whole
from labctl.lab.ended_brokers import unregister_ended_brokers
from labctl.lab.existing import QUORUM_SECONDS, ExistingLab, connect
from labctl.lab.readiness import refuse_dead_nodes
from labctl.system.waiting import Deadline


def roll(lab: ExistingLab) -> Iterator[tuple[str, float]]:
    """Stop each node, and start it as it is planned now when the others have a full ISR; yield its name and seconds.

    Isolated controllers come first. The rendered files must be there. Raises NodeDied for a node that ends again,
    ReadinessTimeout with the node that does not come back, LabError.
    """
    brokers = {node.name for node in lab.plan.brokers}
    _await_whole(lab, "each node")
    for node in sorted(lab.plan.nodes, key=lambda node: node.name in brokers):
        began = time.monotonic()
        lab.runtime.stop([node.name])
        unregister_ended_brokers(lab, Deadline.after(QUORUM_SECONDS))
        lab.runtime.up([node.name])
        _await_whole(lab, node.name)
        yield node.name, round(time.monotonic() - began, 2)


def _await_whole(lab: ExistingLab, node: str) -> None:
    """Wait until every broker is registered, each ISR full, each voter caught up, and each preferred leader leads.

    Raises NodeDied, ReadinessTimeout with what is missing.
    """
    plan = lab.plan
    brokers, voters = [broker.id for broker in plan.brokers], [voter.id for voter in plan.voters]

    def probe() -> None:
        refuse_dead_nodes(lab.runtime)
        require_whole(client, brokers, voters)

    with connect(plan, 2, QUORUM_SECONDS) as client:
        wait_for_kafka(client, probe, what=f"expected {node} in its place", deadline=Deadline.after(plan.timeout))
