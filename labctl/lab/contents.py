"""What a lab's Kafka contains from the start: users, ACLs, topics, seed records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from labctl.errors import KafkaFailed, SpecError
from labctl.kafka.client import KafkaClient
from labctl.kafka.credentials import passwords
from labctl.kafka.librdkafka.writer import WriteFailed, write_records
from labctl.kafka.retention import expired_note
from labctl.lab.load import load_file
from labctl.lab.topic_access import topic_access
from labctl.plan.model import LabPlan, TopicPlan
from labctl.records.file import count_records, open_seed_file
from labctl.records.formats import format_of
from labctl.records.record import RecordData
from labctl.records.topic_rules import TopicRules

SEED_REMEDY = "correct the seed records of the topic in lab.yaml; labctl reset writes them again"


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


def require_record_files(topics: Iterable[TopicPlan]) -> None:
    """Raise SpecError where a file of seed records can't be read, with everything that is wrong in each of them."""
    problems: list[str] = []
    for topic in topics:
        try:
            if topic.record_file:
                rules = TopicRules(topic.partitions, keys=topic.compacted)
                with open_seed_file(Path(topic.record_file)) as file:
                    count_records(file, topic.record_file, format_of(topic.record_file), rules)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)


def write_seed_records(plan: LabPlan, client: KafkaClient, new: Sequence[str]) -> list[str]:
    """Write the seed records of topics that never had any record, and return what a person should know of them.

    A topic that is not `new` may be without them: another program created it first by asking for it, or a labctl that
    was killed did. Raises KafkaFailed; SpecError for a file of records, HostError where confluent-kafka is missing.
    """
    wanted = [topic for topic in plan.topics if topic.has_seeds]
    found = client.topics([topic.name for topic in wanted if topic.name not in new])
    offsets = client.offset_ranges({name: range(len(partitions)) for name, partitions in found.items()})
    empty = [topic for topic in wanted if not any(end for _first, end in offsets.get(topic.name, {}).values())]
    expired = {topic.name: _write(plan, client, topic) for topic in empty}
    return [expired_note(name, count) for name, count in expired.items() if count]


def _write(plan: LabPlan, client: KafkaClient, topic: TopicPlan) -> int:
    """Write the seed records of a topic, and return how many of them Kafka deletes again."""
    lines = [record.value for record in topic.records if record.value is not None]
    if not topic.record_file and list(topic.records) == [RecordData(line, partition=0) for line in lines]:
        # this client is connected already, and librdkafka takes 0.1 s to load
        client.produce(topic.name, [(None, line) for line in lines], partition=0)
        return 0
    access = topic_access(plan, client, topic.name, topic.partitions)
    if topic.record_file:
        with open_seed_file(Path(topic.record_file)) as file:
            return load_file(access, file, topic.record_file, format_of(topic.record_file)).expired
    try:
        write_records(access.settings, topic.name, enumerate(topic.records, 1))
    except WriteFailed as failed:
        what = f"seed record {failed.place} of topic {topic.name} can't be written: {failed.reason}"
        raise KafkaFailed(what, SEED_REMEDY) from None
    return sum(map(access.deletes, topic.records))
