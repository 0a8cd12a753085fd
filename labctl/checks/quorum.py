"""The metadata quorum: a leader, the voters of the plan, all caught up."""

from __future__ import annotations

from labctl.checks.base import SETTLE_SECONDS, CheckContext, CheckFailed, Found, eventually
from labctl.kafka_client import Quorum
from labctl.waiting import NotReady


def quorum(context: CheckContext) -> Found:
    """The quorum as its leader sees it, and the cluster id of the plan."""
    client = context.client
    cluster = client.cluster_id()
    if context.cluster_id not in {None, cluster}:
        raise CheckFailed(f"the cluster id is {cluster}, the lab's is {context.cluster_id}: another cluster answers")
    wanted = set(context.voters or (voter.id for voter in client.quorum().voters))

    def look() -> Quorum:
        seen = client.quorum()
        if refusal := seen.refusal(wanted):
            raise NotReady(refusal)
        return seen

    expected = f"the voters {sorted(wanted)}, caught up, and a leader"
    leader = eventually(min(context.seconds, SETTLE_SECONDS), expected, look).leader
    return Found(f"leader {leader}, {len(wanted)} of {len(wanted)} voters caught up")
