"""The metadata quorum: a leader, the voters of the plan, all caught up."""

from __future__ import annotations

from labctl.checks.base import CheckFailed, CheckPass, eventually
from labctl.checks.context import CheckContext
from labctl.kafka.client import Quorum
from labctl.system.waiting import NotReady


def quorum(context: CheckContext) -> CheckPass:
    """Return a pass where the cluster has the planned id and voters, and its leader reports all voters caught up.

    Raises CheckFailed where it does not, KafkaFailed.
    """
    client = context.client
    cluster, expected_cluster = client.cluster_id(), context.expected.cluster_id
    if expected_cluster not in {None, cluster}:
        raise CheckFailed(f"the cluster id is {cluster}, the lab's is {expected_cluster}: another cluster responds")
    voters = set(context.expected.voters or (voter.id for voter in client.quorum().voters))

    def probe() -> Quorum:
        observed = client.quorum()
        if problem := observed.problem(voters):
            raise NotReady(problem)
        return observed

    expected = f"a leader and the voters {sorted(voters)}, caught up"
    leader = eventually(context.settle, expected, probe).leader
    return CheckPass(f"leader {leader}, {len(voters)} of {len(voters)} voters caught up")
