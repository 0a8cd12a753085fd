"""What the page shows of a Kafka: values for its templates."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from labctl.errors import KafkaFailed
from labctl.kafka_client import KafkaClient, Quorum, Record
from labctl.plan import BROKER, LabPlan
from labctl.render import container_name
from labctl.results import Partition
from labctl.security import tool_config
from labctl.tools import FOLDER, in_container, in_node, typed

MOST_SHOWN = 10_000  # characters of a key or value
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# topic, partition, committed offset, end, lag; the last two are None where the partition has no leader
Row = tuple[str, int, int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class ShownNode:
    """A node: what it is in the quorum, and whether its broker answers; "" where it is none."""

    name: str
    id: int
    roles: str
    quorum: str
    caught_up: bool
    broker: str
    answers: bool


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """A topic: its partitions, and how many records it has."""

    name: str
    partitions: tuple[Partition, ...]
    records: int

    @property
    def internal(self) -> bool:
        """Whether it is one of Kafka's own."""
        return self.name.startswith("__")

    @property
    def healthy(self) -> bool:
        """Each partition led, each copy in sync."""
        return all(one.leader >= 0 and set(one.in_sync) == set(one.replicas) for one in self.partitions)


@dataclass(frozen=True, slots=True)
class Typed:
    """Console commands to copy: where they are typed, how a record is produced, how all are consumed."""

    where: str
    produce: str
    consume: str


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
    """A group and the partitions that it committed."""

    name: str
    kind: str
    state: str
    rows: tuple[Row, ...]

    @property
    def lag(self) -> int:
        """Records that it has not committed yet, as far as that is known."""
        return sum(row[-1] or 0 for row in self.rows)


def shown_commands(plan: LabPlan, topic: str) -> list[Typed]:
    """What to type about `topic`; in Docker without labctl too."""
    node = plan.brokers[0]
    login = tool_config(plan.security.users[0]) if plan.security else None
    ways = [("a terminal", in_node(plan.name, node.name), "")]
    if plan.runtime.name == "compose":
        ways.append(("Docker alone", in_container(container_name(plan, node)), f"{FOLDER}/"))
    return [
        Typed(where, *typed(inside, folder, plan.internal, topic, config=login, kafka_version=plan.kafka_version))
        for where, inside, folder in ways
    ]


def shown_nodes(plan: LabPlan, quorum: Quorum, brokers: Collection[int]) -> list[ShownNode]:
    """Every node of the plan beside what Kafka says of it: `brokers` are the ids of those that answer."""
    voters = {voter.id: voter for voter in quorum.voters}
    nodes = []
    for node in plan.nodes:
        voter = voters.get(node.id)
        words = "" if voter is None else "leader" if quorum.leader == node.id else "voter"
        if voter and not voter.caught_up:
            words += f", {voter.behind} records behind"
        broker = "" if BROKER not in node.roles else "answers" if node.id in brokers else "away"
        caught_up, answers = bool(voter and voter.caught_up), node.id in brokers
        nodes.append(ShownNode(node.name, node.id, ", ".join(node.roles), words, caught_up, broker, answers))
    return nodes


def led(partitions: Sequence[Partition]) -> list[int]:
    """The partitions that have a leader: of others nothing can be asked."""
    return [one.number for one in partitions if one.leader >= 0]


def shown_topics(client: KafkaClient) -> list[ShownTopic]:
    """Every topic, Kafka's own last."""
    try:
        return _topics(client)
    except KafkaFailed:  # one was deleted between the two questions
        return _topics(client)


def _topics(client: KafkaClient) -> list[ShownTopic]:
    described = client.topics()
    ranges = client.ranges({name: led(partitions) for name, partitions in described.items()})
    topics = [
        ShownTopic(name, partitions, sum(end - begin for begin, end in ranges[name].values()))
        for name, partitions in described.items()
    ]
    return sorted(topics, key=lambda topic: (topic.internal, topic.name))


def shown_record(record: Record) -> ShownRecord:
    """A record in text."""
    when = "" if record.timestamp is None else _shown_time(record.timestamp)
    return ShownRecord(record.partition, record.offset, when, shown_text(record.key), shown_text(record.value))


def _shown_time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    except (ValueError, OverflowError, OSError):  # a producer may say what it likes
        return f"{milliseconds} ms"


def shown_text(raw: bytes | None) -> ShownText:
    """Bytes for people, bounded."""
    if raw is None:
        return ShownText("null", "null")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ShownText("binary", _cut(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if CONTROLS.search(text):
        return ShownText("binary", _cut(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if text[:1] in {"{", "["} and len(text) <= MOST_SHOWN and (laid_out := _laid_out(text)):
        return ShownText("json", laid_out)
    return ShownText("text", _cut(text, len(text)))


def _laid_out(text: str) -> str:
    """JSON, indented; nothing where it is none, or where that would change or add more than blanks."""
    try:
        laid_out = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""
    same = "".join(laid_out.split()) == "".join(text.split())  # 1.10, 1E400, a key that comes twice
    return laid_out if same and len(laid_out) <= MOST_SHOWN else ""


def shown_groups(client: KafkaClient) -> list[ShownGroup]:
    """Each group with what it committed and how far it lags."""
    groups = client.groups()
    # a share group has no offsets of this kind
    committed = {name: {} if group.kind == "share" else client.committed(name) for name, group in groups.items()}
    described = client.topics(sorted({topic for offsets in committed.values() for topic, _number in offsets}))
    ranges = client.ranges({topic: led(partitions) for topic, partitions in described.items()})

    def row(topic: str, number: int, offset: int) -> Row:
        _first, end = ranges.get(topic, {}).get(number, (0, None))
        return topic, number, offset, end, None if end is None else max(0, end - offset)

    return [
        ShownGroup(
            name,
            group.kind,
            group.state.lower(),
            tuple(row(*at, offset) for at, offset in sorted(committed[name].items())),
        )
        for name, group in sorted(groups.items())
    ]


def _cut(text: str, whole: int) -> str:
    return text if whole <= MOST_SHOWN else f"{text[:MOST_SHOWN]} … ({whole - MOST_SHOWN} characters more)"
