"""An empty Kafka without a restart: nothing open, nobody in a group, no group, no topic."""

from __future__ import annotations

from functools import partial

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.kafka_client import KafkaClient
from labctl.waiting import Deadline, NotReady, wait_until

# org.apache.kafka.common.internals.Topic: the coordinators' own, which they keep clean themselves
INTERNAL_TOPICS = {"__consumer_offsets", "__transaction_state", "__share_group_state"}
GROUP_SECONDS = 5.0  # members that come again and again are somebody's


def empty(client: KafkaClient, deadline: Deadline) -> list[str]:
    """Abort transactions, take members out, delete groups and topics; what was removed.

    Raises KafkaFailed where a group keeps its members, and then no topic is deleted: they would go on with it; and
    ReadinessTimeout.
    """
    transactions = client.open_transactions()
    for one in transactions:
        client.abort_transaction(one)
    groups = sorted(client.groups())
    try:
        wait_until(
            partial(_delete_groups, client, groups),
            what="groups without members",
            deadline=deadline.within(GROUP_SECONDS),
        )
    except ReadinessTimeout as error:
        raise KafkaFailed(
            f"the lab can't be emptied: {error.message}",
            "end the programs that consume, then labctl reset again; or labctl down and labctl up",
        ) from error
    topics = sorted(set(client.topics()) - INTERNAL_TOPICS)
    client.delete_topics(topics)
    wait_until(partial(_gone, client, topics), what="topics deleted", deadline=deadline)
    named = {"transaction": transactions, "group": groups, "topic": topics}
    return [f"{kind} {name}" for kind, names in named.items() for name in names]


def _delete_groups(client: KafkaClient, groups: list[str]) -> None:
    kept = client.delete_groups(groups)
    if kept:
        members = {group: client.remove_members(group) for group in kept}
        kept = client.delete_groups(list(kept))
        if kept:
            raise NotReady("; ".join(f"group {name}: {why}, {members[name]} members" for name, why in kept.items()))


def _gone(client: KafkaClient, topics: list[str]) -> None:
    left = set[str]().union(*client.known(topics))
    if left:
        raise NotReady(f"still there: {', '.join(sorted(left))}")
