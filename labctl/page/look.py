"""What the page shows of a Kafka: values for its templates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from labctl.errors import KafkaFailed
from labctl.kafka_client import KafkaClient, Record
from labctl.results import Partition

MOST_SHOWN = 10_000  # characters of a key or value


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """A topic: its partitions, and how many records it has."""

    name: str
    partitions: tuple[Partition, ...]
    records: int

    @property
    def healthy(self) -> bool:
        """Each partition led, each copy in sync."""
        return all(one.leader >= 0 and set(one.in_sync) == set(one.replicas) for one in self.partitions)


@dataclass(frozen=True, slots=True)
class ShownText:
    """A key or value: JSON laid out, text as it is, anything else in hexadecimal."""

    kind: str  # json, text, binary, null
    text: str


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record as the page shows it."""

    partition: int
    offset: int
    time: str
    key: ShownText
    value: ShownText


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A consumer group: for each partition that it committed (topic, partition, offset, end, lag)."""

    name: str
    rows: tuple[tuple[str, int, int, int, int], ...]

    @property
    def lag(self) -> int:
        """Records that it has not committed yet."""
        return sum(row[-1] for row in self.rows)


def shown_topics(client: KafkaClient) -> list[ShownTopic]:
    """Every topic, Kafka's own last."""
    described = client.topics()
    ranges = client.ranges({name: len(partitions) for name, partitions in described.items()})
    topics = [
        ShownTopic(name, partitions, sum(end - begin for begin, end in ranges[name].values()))
        for name, partitions in described.items()
    ]
    return sorted(topics, key=lambda topic: (topic.name.startswith("__"), topic.name))


def shown_record(record: Record) -> ShownRecord:
    """A record in text."""
    when = (
        ""
        if record.timestamp is None
        else datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(" ", "milliseconds")
    )
    return ShownRecord(record.partition, record.offset, when, shown_text(record.key), shown_text(record.value))


def shown_text(raw: bytes | None) -> ShownText:
    """Bytes for people, bounded."""
    if raw is None:
        return ShownText("null", "null")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ShownText("binary", _cut(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if any(ord(one) < 32 and one not in "\t\n\r" for one in text):
        return ShownText("binary", _cut(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if text[:1] in {"{", "["} and len(text) <= MOST_SHOWN:
        try:
            return ShownText("json", json.dumps(json.loads(text), indent=2, ensure_ascii=False))
        except (ValueError, RecursionError):
            return ShownText("text", text)
    return ShownText("text", _cut(text, len(text)))


def shown_groups(client: KafkaClient) -> list[ShownGroup]:
    """Each consumer group with what it committed and how far it lags."""
    groups = []
    for name in sorted(client.groups()):
        try:
            committed = client.committed(name)
        except KafkaFailed:
            committed = {}  # a share group has no offsets of this kind
        partitions = {topic: 1 + max(n for t, n in committed if t == topic) for topic, _number in committed}
        ranges = client.ranges(partitions)
        rows = []
        for (topic, number), offset in sorted(committed.items()):
            end = ranges[topic][number][1]
            rows.append((topic, number, offset, end, max(0, end - offset)))
        groups.append(ShownGroup(name, tuple(rows)))
    return groups


def _cut(text: str, whole: int) -> str:
    return text if whole <= MOST_SHOWN else f"{text[:MOST_SHOWN]} … ({whole - MOST_SHOWN} characters more)"
