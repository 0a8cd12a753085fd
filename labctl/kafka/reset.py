"""Emptying a Kafka without a restart: no transaction, group or topic, and no setting, quota, user or ACL of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.kafka.client import ALL_BROKERS, KafkaClient
from labctl.kafka.overridden_settings import overridden_settings
from labctl.plan.model import AclPlan
from labctl.system.waiting import Deadline, NotReady, wait_until
from labctl.wording import counted, first_few

# org.apache.kafka.common.internals.Topic: the coordinators' own topics, which they clean themselves
INTERNAL_TOPICS = {"__consumer_offsets", "__transaction_state", "__share_group_state"}
GROUP_SECONDS = 5.0  # members that join again and again belong to a program that still runs
WRITER_SECONDS = 2.0  # a topic that is there again and again is one to which a program still writes


@dataclass(frozen=True, slots=True)
class KeptLogins:
    """The users and ACLs of lab.yaml, which stay."""

    users: Collection[str]
    mechanism: str  # of their passwords
    acls: Collection[AclPlan]


def reset_kafka(
    client: KafkaClient,
    deadline: Deadline,
    kept: KeptLogins | None,
    own_settings: Mapping[str, str],
    connected: Callable[[], str],
) -> dict[str, list[str]]:
    """Abort transactions, delete groups, topics, changed settings, quotas, users and ACLs, and return them by kind.

    `kept` is None where nobody logs in; `own_settings` are the settings of brokers in lab.yaml; `connected` says which
    programs are connected. Raises KafkaFailed where a group keeps its members, before any topic is deleted under them,
    where a program creates a topic again, or where Kafka refuses; ReadinessTimeout where a topic is not gone at the
    deadline.
    """
    transactions = client.open_transactions()
    for transaction in transactions:
        client.abort_transaction(transaction)
    groups = sorted(client.groups())
    settings = _changed_by_others(client, groups, own_settings)
    _delete_groups(client, groups, deadline)
    topics = _delete_topics(client, deadline, connected)
    client.alter_settings(settings)
    quotas = client.quotas()
    client.delete_quotas(quotas)
    return {
        "transaction": transactions,
        "group": groups,
        "topic": topics,
        "setting": [f"{key} of {_resource(*of)}" for of, keys in settings.items() for key in keys],
        "quota": [f"of {quota}" for quota in quotas],
        "user": client.delete_other_users(kept.users, kept.mechanism) if kept else [],
        "ACL": client.delete_other_acls(kept.acls) if kept else [],
    }


def removed_lines(removed: Mapping[str, list[str]]) -> list[str]:
    """Return one line for each kind of what was removed."""
    return [f"{counted(len(names), kind)}: {first_few(names)}" for kind, names in removed.items() if names]


def _changed_by_others(
    client: KafkaClient, groups: list[str], own: Mapping[str, str]
) -> dict[tuple[str, str], dict[str, str | None]]:
    """The settings to undo. Where lab.yaml has the setting of all brokers, its value is the one that stays."""
    settings = client.changed_settings(groups)
    every = settings.get(ALL_BROKERS, {})
    settings[ALL_BROKERS] = {name: value for name, value in every.items() if name not in own}
    settings[ALL_BROKERS] |= overridden_settings(client, {name: own[name] for name in every.keys() & own.keys()})
    return {of: changes for of, changes in settings.items() if changes}


def _resource(kind: str, name: str) -> str:
    return f"{kind.replace('_', ' ')} {name}" if name else "all brokers"


def _delete_groups(client: KafkaClient, groups: list[str], deadline: Deadline) -> None:
    def delete() -> None:
        kept = client.delete_groups(groups)
        if kept:
            members = {group: client.remove_members(group) for group in kept}
            kept = client.delete_groups(list(kept))
            if kept:
                raise NotReady("; ".join(f"group {name}: {why}, {members[name]} members" for name, why in kept.items()))

    try:
        wait_until(delete, what="groups without members", deadline=deadline.within(GROUP_SECONDS))
    except ReadinessTimeout as error:
        raise KafkaFailed(
            f"the lab can't be reset: {error.message}",
            "end the programs that consume, then run labctl reset again; or labctl down and labctl up",
        ) from error


def _delete_topics(client: KafkaClient, deadline: Deadline, connected: Callable[[], str]) -> list[str]:
    """Delete all topics and return their names; again those that a program creates by writing, WRITER_SECONDS long."""
    ids = client.topic_ids()
    topics = sorted(set(ids) - INTERNAL_TOPICS)
    client.delete_topics(topics)
    writing = deadline.within(WRITER_SECONDS)
    probe = partial(_require_deleted, client, ids, topics, writing, connected)
    wait_until(probe, what="topics deleted", deadline=deadline)
    return topics


def _require_deleted(
    client: KafkaClient, ids: Mapping[str, str], topics: list[str], writing: Deadline, connected: Callable[[], str]
) -> None:
    now = client.topic_ids()
    again = sorted(name for name in set(now) - INTERNAL_TOPICS if ids.get(name) != now[name])
    if again and not writing.left:
        raise KafkaFailed(
            f"a program creates {first_few(again)} again as soon as it is deleted{connected()}",
            "end the programs that produce and consume, then run labctl reset again",
        )
    client.delete_topics(again)
    remaining = set[str]().union(*client.topics_by_broker(topics))
    if remaining or again:
        raise NotReady(f"still there: {first_few(sorted(remaining | set(again)))}")
