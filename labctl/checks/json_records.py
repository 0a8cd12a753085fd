"""The homework's JSON records, byte for byte: fresh ones by this run, and the first records that the lab asked for."""

from __future__ import annotations

import json

from labctl.checks.base import CheckContext, CheckFailed, Found
from labctl.kafka_client import KafkaClient
from labctl.plan import TopicPlan


def json_records(context: CheckContext) -> Found:
    """What comes out is what went in, and is JSON still; the plan's first records are in their topics, whole."""
    topic = context.topic("json-records")
    sent = [
        (context.mark("1001"), b'{"orderid":1001,"amount":599.99}'),
        (context.mark("1002"), b'{"orderid":1002,"amount":300}'),
        (context.mark("1003"), '{"orderid":1003,"amount":0.1,"note":"прывет, κόσμε"}'.encode()),
    ]
    client = context.client
    client.produce(topic, list(sent), partition=0)
    read = [(record.key, record.value) for record in client.read(topic, until=len(sent), seconds=context.seconds)]
    if read != sent:
        raise CheckFailed(f"sent {sent}, read {read}")
    for _key, value in sent:
        json.loads(value)
    first = sum(_first_records(client, topic) for topic in context.topics or () if topic.records)
    return Found(f"{len(sent)} fresh records byte for byte" + (f", {first} first records in place" if first else ""))


def _first_records(client: KafkaClient, topic: TopicPlan) -> int:
    """How many first records there are. Raises CheckFailed for one that is missing."""
    values = [record.value for record in client.read(topic.name)]
    missing = [record for record in topic.records if record.encode() not in values]
    if missing:
        raise CheckFailed(
            f"{len(missing)} of the {len(topic.records)} first records of topic {topic.name} are gone: {missing[0]} "
            "(labctl reset writes them anew)",
            *(repr(value) for value in values[:20]),
        )
    return len(topic.records)
