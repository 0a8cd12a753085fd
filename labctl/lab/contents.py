"""What a lab's Kafka contains from the start: users, ACLs, topics, seed records."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from labctl.kafka.client import KafkaClient
from labctl.kafka.credentials import passwords
from labctl.plan.model import LabPlan


def add_users(plan: LabPlan, client: KafkaClient) -> None:
    """Add the plan's users and ACLs. Raises KafkaFailed; HostError where a password can't be read.

    The users are in the storage since it was formatted; lab.yaml may have more since then.
    """
    if plan.security:
        client.add_users(passwords(plan), plan.security.mechanism)
        client.create_acls(plan.security.acls)


def reset_users(plan: LabPlan, client: KafkaClient) -> None:
    """Give the plan's users their passwords and ACLs again, whatever they are now. Raises as `add_users`."""
    if plan.security:
        client.set_passwords(passwords(plan), plan.security.mechanism)
        client.create_acls(plan.security.acls)


def create_topics(plan: LabPlan, client: KafkaClient) -> list[str]:
    """Create the plan's topics and return the names of the new topics. Raises KafkaFailed."""
    return client.create_topics(
        {topic.name: (topic.partitions, topic.replication_factor, dict(topic.config)) for topic in plan.topics}
    )


def add_partitions(plan: LabPlan, client: KafkaClient, new: Collection[str]) -> list[str]:
    """Add partitions to the topics that have fewer than the plan; return what was added in words. Raises KafkaFailed.

    Those of `new` topics may not be known to each broker yet.
    """
    planned = {topic.name: topic.partitions for topic in plan.topics if topic.name not in new}
    found = {name: len(partitions) for name, partitions in client.topics(list(planned)).items()}
    more = {name: planned[name] for name, count in found.items() if 0 < count < planned[name]}
    client.add_partitions(more)
    return [f"partitions of topic {name}: {count}" for name, count in more.items()]


def write_seed_records(plan: LabPlan, client: KafkaClient, new: Sequence[str]) -> None:
    """Write the seed records of topics that never had any record. Raises KafkaFailed.

    A topic that is not `new` may be without them: another program created it first by asking for it, or a labctl that
    was killed did.
    """
    wanted = [topic for topic in plan.topics if topic.records]
    found = client.topics([topic.name for topic in wanted if topic.name not in new])
    offsets = client.offset_ranges({name: range(len(partitions)) for name, partitions in found.items()})
    for topic in wanted:
        if not any(end for _first, end in offsets.get(topic.name, {}).values()):
            client.produce(topic.name, [(None, record.encode()) for record in topic.records], partition=0)
