"""The homework's JSON records, byte for byte: new records of this run, and the seed records of the lab."""

from __future__ import annotations

import json

from labctl.checks.base import CheckFailed, CheckPass
from labctl.checks.context import CheckContext
from labctl.kafka.client import KafkaClient
from labctl.plan.model import TopicPlan
from labctl.records.json_lines import format_record


def json_records(context: CheckContext) -> CheckPass:
    """Return a pass where new records are read byte for byte, and the plan's seed records are in their topics.

    Raises CheckFailed where a record is missing or changed; KafkaFailed.
    """
    topic = context.topic("json-records")
    sent = [
        (context.mark("1001"), b'{"orderid":1001,"amount":599.99}'),
        (context.mark("1002"), b'{"orderid":1002,"amount":300}'),
        (context.mark("1003"), '{"orderid":1003,"amount":0.1,"note":"прывет, κόσμε"}'.encode()),
    ]
    client = context.client
    client.produce(topic, list(sent), partition=0)
    read = [(record.key, record.value) for record in client.read(topic, until=len(sent), seconds=context.timeout)]
    if read != sent:
        raise CheckFailed(f"sent {sent}, read {read}")
    for _key, value in sent:
        json.loads(value)
    seeds = sum(
        _seed_records(client, topic) for topic in context.expected.topics or () if topic.records and not topic.compacted
    )
    return CheckPass(f"{len(sent)} new records byte for byte" + (f", {seeds} seed records in place" if seeds else ""))


def _seed_records(client: KafkaClient, topic: TopicPlan) -> int:
    """Return how many seed records the topic has. Raises CheckFailed where a record is missing."""
    found = [(record.key, record.value) for record in client.read(topic.name)]
    # what has a time of its own may be older than the topic keeps records
    wanted = [record for record in topic.records if record.timestamp is None]
    missing = [record for record in wanted if (record.key, record.value) not in found]
    if missing:
        raise CheckFailed(
            f"{len(missing)} of the {len(wanted)} seed records of topic {topic.name} are missing: "
            f"{format_record(missing[0])} (labctl reset writes them again)",
            *(repr(value) for _key, value in found[:20]),
        )
    return len(wanted)
