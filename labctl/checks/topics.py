"""The topics of the plan: there, with the planned partitions, copies and settings, each partition led and in sync."""

from __future__ import annotations

from labctl.checks.base import SETTLE_SECONDS, TOPIC_PREFIX, CheckContext, CheckFailed, Found, Skipped, eventually
from labctl.kafka_client import KafkaClient
from labctl.plan import TopicPlan
from labctl.results import Partition
from labctl.waiting import NotReady


def topics(context: CheckContext) -> Found:
    """Every planned topic as planned; on a foreign Kafka, every topic led and in sync."""
    client = context.client
    if context.topics is None:
        names = sorted(name for name in client.topics() if not name.startswith(("__", TOPIC_PREFIX)))
        if not names:
            raise Skipped("this Kafka has no topics, and nothing says which it should have (--expect lab.yaml)")
    else:
        names = sorted(topic.name for topic in context.topics)
        seen = client.topics(names)
        problems = [one for topic in context.topics for one in _differences(client, topic, seen.get(topic.name, ()))]
        if problems:
            raise CheckFailed("; ".join(problems))

    def look() -> dict[str, tuple[Partition, ...]]:
        seen = client.topics(names)
        if problems := [problem for name, one in sorted(seen.items()) for problem in _out_of_order(name, one)]:
            raise NotReady("; ".join(problems))
        return seen

    settled = eventually(min(context.seconds, SETTLE_SECONDS), "each partition led and in sync", look)
    told = [f"{name}: {len(one)} x {len(one[0].replicas)}" for name, one in sorted(settled.items())]
    return Found(", ".join(told) or "none planned")


def _differences(client: KafkaClient, topic: TopicPlan, seen: tuple[Partition, ...]) -> list[str]:
    if not seen:
        return [f"topic {topic.name} is not there"]
    found = []
    if len(seen) != topic.partitions:
        found.append(f"topic {topic.name} has {len(seen)} partitions, planned are {topic.partitions}")
    copies = {len(one.replicas) for one in seen}
    if copies != {topic.replication_factor}:
        found.append(f"topic {topic.name} has {sorted(copies)} copies, planned are {topic.replication_factor}")
    if topic.config:
        config = client.topic_config(topic.name)
        for key, value in topic.config:
            if config.get(key) != value:
                found.append(f"topic {topic.name} has {key}={config.get(key)}, planned is {value}")
    return found


def _out_of_order(name: str, partitions: tuple[Partition, ...]) -> list[str]:
    found = []
    for one in partitions:
        if one.leader < 0:
            found.append(f"{name}-{one.number} has no leader")
        elif len(one.in_sync) < len(one.replicas):
            found.append(f"{name}-{one.number} has {len(one.in_sync)} of {len(one.replicas)} copies in sync")
    return found
