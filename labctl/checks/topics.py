"""The topics of the plan: they exist, with the planned partitions, replicas and settings, each replica in the ISR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labctl.checks.base import CheckFailed, CheckPass, Skipped, eventually
from labctl.checks.context import TOPIC_PREFIX, CheckContext
from labctl.plan.model import TopicPlan
from labctl.results import Partition
from labctl.system.waiting import NotReady
from labctl.wording import first_few


def topics(context: CheckContext) -> CheckPass:
    """Return a pass where each planned topic is as planned; without a plan, where each has a leader and a full ISR.

    Raises CheckFailed where it is not, Skipped where there is neither a plan nor a topic, KafkaFailed.
    """
    client, planned = context.client, context.expected.topics
    if planned is None:
        names = sorted(name for name in client.topics() if not name.startswith(("__", TOPIC_PREFIX)))
        if not names:
            raise Skipped("this Kafka has no topics, and nothing says which it should have (--expect lab.yaml)")
    else:
        names = sorted(topic.name for topic in planned)
        described = client.topics(names)
        configs = client.topic_configs([topic.name for topic in planned if topic.config])
        problems = [
            problem
            for topic in planned
            for problem in _differences(topic, described.get(topic.name, ()), configs.get(topic.name, {}))
        ]
        if problems:
            raise CheckFailed(first_few(problems, separator="; "))

    def probe() -> dict[str, tuple[Partition, ...]]:
        described = client.topics(names)
        problems = [
            problem
            for name, partitions in sorted(described.items())
            for partition in partitions
            if (problem := partition.problem(name))
        ]
        if problems:
            raise NotReady(first_few(problems, separator="; "))
        return described

    settled = eventually(context.settle, "a leader and a full ISR for each partition", probe)
    if crowded := _crowded(settled, context.expected.racks):
        raise CheckFailed(first_few(crowded, separator="; "))
    found = [
        f"{name}: {len(partitions)} x {len(partitions[0].replicas)}" for name, partitions in sorted(settled.items())
    ]
    racks = len(set(context.expected.racks.values()))
    return CheckPass((first_few(found) or "none planned") + (f", over {racks} racks" if found and racks else ""))


def _crowded(topics: Mapping[str, Sequence[Partition]], racks: Mapping[int, str]) -> list[str]:
    """The partitions whose replicas are in fewer racks than they could be (KIP-36)."""
    found = []
    for name, partitions in sorted(topics.items()) if racks else ():
        for partition in partitions:
            used = {racks[replica] for replica in partition.replicas if replica in racks}
            if len(used) < min(len(partition.replicas), len(set(racks.values()))):
                where = ", ".join(sorted(used))
                found.append(f"{name}-{partition.number} has replicas on {list(partition.replicas)}, all in {where}")
    return found


def _differences(topic: TopicPlan, partitions: tuple[Partition, ...], config: Mapping[str, str]) -> list[str]:
    if not partitions:
        return [f"topic {topic.name} does not exist"]
    found = []
    if len(partitions) != topic.partitions:
        found.append(f"topic {topic.name} has {len(partitions)} partitions, planned are {topic.partitions}")
    replicas = {len(partition.replicas) for partition in partitions}
    if replicas != {topic.replication_factor}:
        found.append(f"topic {topic.name} has {sorted(replicas)} replicas, planned are {topic.replication_factor}")
    found += [
        f"topic {topic.name} has {key}={config.get(key)}, planned is {value}"
        for key, value in topic.config
        if config.get(key) != value
    ]
    return found
