"""Emptying a Kafka without a restart: no open transaction, no group member, no group, no topic."""

from __future__ import annotations

from functools import partial

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.kafka.client import KafkaClient
from labctl.system.waiting import Deadline, NotReady, wait_until

# org.apache.kafka.common.internals.Topic: the coordinators' own topics, which they clean themselves
INTERNAL_TOPICS = {"__consumer_offsets", "__transaction_state", "__share_group_state"}
GROUP_SECONDS = 5.0  # members that join again and again belong to a program that still runs


def reset_kafka(client: KafkaClient, deadline: Deadline) -> list[str]:
    """Abort transactions, remove members, delete groups and topics, and return what was removed.

    Raises KafkaFailed where a group keeps its members, before any topic is deleted under them, or where Kafka refuses;
    ReadinessTimeout where a topic is not gone at the deadline.
    """
    transactions = client.open_transactions()
    for transaction in transactions:
        client.abort_transaction(transaction)
    groups = sorted(client.groups())
    try:
        wait_until(
            partial(_delete_groups, client, groups),
            what="groups without members",
            deadline=deadline.within(GROUP_SECONDS),
        )
    except ReadinessTimeout as error:
        raise KafkaFailed(
            f"the lab can't be reset: {error.message}",
            "end the programs that consume, then run labctl reset again; or labctl down and labctl up",
        ) from error
    topics = sorted(set(client.topics()) - INTERNAL_TOPICS)
    client.delete_topics(topics)
    wait_until(partial(_require_deleted, client, topics), what="topics deleted", deadline=deadline)
    removed = {"transaction": transactions, "group": groups, "topic": topics}
    return [f"{kind} {name}" for kind, names in removed.items() for name in names]


def _delete_groups(client: KafkaClient, groups: list[str]) -> None:
    kept = client.delete_groups(groups)
    if kept:
        members = {group: client.remove_members(group) for group in kept}
        kept = client.delete_groups(list(kept))
        if kept:
            raise NotReady("; ".join(f"group {name}: {why}, {members[name]} members" for name, why in kept.items()))


def _require_deleted(client: KafkaClient, topics: list[str]) -> None:
    remaining = set[str]().union(*client.topics_by_broker(topics))
    if remaining:
        raise NotReady(f"still there: {', '.join(sorted(remaining))}")
