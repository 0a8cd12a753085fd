"""Kafka's internal topics: whether each exists, or there are enough brokers for its replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labctl.checks import Check
from labctl.errors import LabError
from labctl.kafka.broker_settings import environment_name
from labctl.kafka.client import KafkaClient
from labctl.results import CheckResult, Diagnosis, Status

NAME = "internal-topics"


class InternalTopic(NamedTuple):
    """A topic that Kafka creates when it is first needed, with as many replicas as `setting` says."""

    name: str
    setting: str
    needed_for: str
    checks: frozenset[str]


INTERNAL_TOPICS = (
    InternalTopic(
        "__consumer_offsets",
        "offsets.topic.replication.factor",
        "consumer groups",
        frozenset({"consumer-group", "share-group", "transaction", "console-to-host", "host-to-console"}),
    ),
    InternalTopic(
        "__transaction_state",
        "transaction.state.log.replication.factor",
        "transactions",
        frozenset({"transaction"}),
    ),
)


class Examined(NamedTuple):
    """The result of the check, the names of the checks that can't work, and why (None: all can)."""

    result: CheckResult
    unusable: frozenset[str] = frozenset()
    cause: Diagnosis | None = None


def examine_internal_topics(client: KafkaClient, brokers: Sequence[int], wanted: Sequence[Check]) -> Examined:
    """Return what was found of the internal topics that the wanted checks need.

    Where Kafka can't create one, it answers every client that needs it with the same error for ever: the client waits
    and reports nothing.
    """
    names = {check.name for check in wanted}
    needed = [topic for topic in INTERNAL_TOPICS if topic.checks & names]
    try:
        existing = set(client.topics([topic.name for topic in needed])) if needed else set()
        lacking = [topic for topic in needed if topic.name not in existing]
        settings = client.broker_config(brokers[0]) if lacking else {}
    except LabError as error:
        return Examined(_result("skipped", f"not known: {error.message}"))
    replicas = {topic: settings.get(topic.setting, "") for topic in lacking}
    impossible = [topic for topic in lacking if replicas[topic].isdigit() and int(replicas[topic]) > len(brokers)]
    if not impossible:
        details = [f"{topic.name} exists" for topic in needed if topic not in lacking]
        details += [f"{topic.setting} is {replicas[topic] or 'not known'}" for topic in lacking]
        return Examined(_result("passed", ", ".join(details) or "not needed"))
    are = "is 1 broker" if len(brokers) == 1 else f"are {len(brokers)} brokers"
    causes = [f"{topic.needed_for} can't work: {topic.setting} is {replicas[topic]}" for topic in impossible]
    detail = f"{'; '.join(causes)}, and there {are}"
    variables = " and ".join(environment_name(topic.setting) for topic in impossible)
    remedy = f"set {' and '.join(topic.setting for topic in impossible)} to {len(brokers)}, in Docker {variables}"
    unusable = frozenset().union(*(topic.checks for topic in impossible))
    return Examined(_result("failed", detail), unusable, Diagnosis(detail, remedy))


def _result(status: Status, detail: str) -> CheckResult:
    return CheckResult(NAME, status, 0.0, detail)
