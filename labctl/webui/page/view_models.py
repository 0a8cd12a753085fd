"""What the page shows of a Kafka: values for its templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from labctl.constants import TOOLS_FOLDER
from labctl.errors import KafkaFailed
from labctl.kafka.client import LARGEST_BATCH, KafkaClient, Oversized, Quorum, Record, Voter
from labctl.kafka.console_tools import exec_prefix, sample_commands
from labctl.kafka.security_settings import tool_config
from labctl.plan.model import BROKER, CONTROLLER, LabPlan, NodePlan
from labctl.plan.sizes import MEBIBYTE
from labctl.results import Partition
from labctl.webui.page.decoding import Decoded

MOST_SHOWN = 10_000  # characters of a key or value
TOPICS_PER_PAGE = 100
RESPONDS, NOT_KNOWN = "responds", "not known"
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# topic, partition, committed offset, end, lag; the last two are None where no leader responds
Row = tuple[str, int, int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class ShownNode:
    """A node: its part in the quorum, and the state of its broker; "" where it has no such role."""

    name: str
    id: int
    roles: str
    quorum: str
    caught_up: bool
    broker: str

    @property
    def responds(self) -> bool:
        """Whether its broker responds, and Kafka sends clients to it."""
        return self.broker == RESPONDS


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """A topic: its partitions, and the number of its records."""

    name: str
    partitions: tuple[Partition, ...]
    records: int

    @property
    def internal(self) -> bool:
        """Whether it is one of Kafka's own topics."""
        return is_internal(self.name)

    @property
    def healthy(self) -> bool:
        """Whether each partition has a leader and a full ISR."""
        return not any(partition.problem(self.name) for partition in self.partitions)

    @property
    def state(self) -> str:
        """What its partitions have, in words."""
        if without := sum(partition.leader < 0 for partition in self.partitions):
            return f"{without} of {len(self.partitions)} without a leader"
        return "full ISR" if self.healthy else "ISR not full"


@dataclass(frozen=True, slots=True)
class TopicList:
    """A page of the topics. `number` and `first` count from 1; `total` are all topics, `own` those of users."""

    topics: tuple[ShownTopic, ...]
    number: int
    pages: int
    first: int
    total: int
    own: int
    own_partitions: int

    @property
    def last(self) -> int:
        """The place of the last topic on this page, from 1."""
        return self.first + len(self.topics) - 1

    @property
    def records(self) -> int | None:
        """The records of the users' topics; None where other pages have some of them."""
        return sum(topic.records for topic in self.topics if not topic.internal) if self.pages == 1 else None


@dataclass(frozen=True, slots=True)
class SampleCommands:
    """Console commands to copy: where a person types them, to produce a record, to consume all records."""

    where: str
    produce: str
    consume: str


@dataclass(frozen=True, slots=True)
class ShownText:
    """A key or value: JSON indented, other text unchanged, anything else in hexadecimal."""

    kind: str  # json, text, binary, null
    text: str
    schema: int | None = None  # the id of the schema by which it was decoded


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
    """A group, and the partitions with its committed offsets."""

    name: str
    kind: str
    state: str
    rows: tuple[Row, ...]

    @property
    def lag(self) -> int:
        """The records that it has not committed yet, as far as that is known."""
        return sum(row[-1] or 0 for row in self.rows)


@dataclass(frozen=True, slots=True)
class GroupList:
    """Groups, the ids of brokers that may coordinate others, and how many more groups there are."""

    groups: list[ShownGroup]
    silent: list[int]
    more: int


def shown_commands(plan: LabPlan, topic: str) -> list[SampleCommands]:
    """Return what a person types to use `topic`; where that is possible without labctl too."""
    node = plan.brokers[0]
    ways = [("a terminal", exec_prefix(plan.name, node.name), "")]
    if node.native_prefix:
        ways.append((f"{node.native_prefix[0].capitalize()} alone", node.native_prefix, f"{TOOLS_FOLDER}/"))
    options = {"config": tool_config(plan), "kafka_version": plan.kafka_version}
    return [
        SampleCommands(where, *sample_commands(prefix, folder, plan.internal_bootstrap, topic, **options))
        for where, prefix, folder in ways
    ]


def shown_nodes(
    plan: LabPlan, quorum: Quorum | None, registered: Collection[int], responding: Collection[int]
) -> list[ShownNode]:
    """Return every node of the plan with what is known of it.

    `registered` are the ids of the brokers to which Kafka sends clients, `responding` of those that respond to the
    page. Without a quorum nobody reported it.
    """
    replicas = {} if quorum is None else {replica.id: replica for replica in (*quorum.observers, *quorum.voters)}
    nodes = []
    for node in plan.nodes:
        replica = replicas.get(node.id) if CONTROLLER in node.roles else None
        nodes.append(
            ShownNode(
                node.name,
                node.id,
                ", ".join(node.roles),
                _part(quorum, node, replica),
                bool(replica and replica.caught_up),
                _broker_state(node, registered, responding),
            )
        )
    return nodes


def leader_name(plan: LabPlan, quorum: Quorum | None) -> str:
    """Return which node leads the quorum, "none" where none does."""
    if quorum is None:
        return NOT_KNOWN
    return next((node.name for node in plan.nodes if node.id == quorum.leader), "none")


def _part(quorum: Quorum | None, node: NodePlan, replica: Voter | None) -> str:
    """What a controller is in the quorum; "" for a broker."""
    if CONTROLLER not in node.roles:
        return ""
    if quorum is None:
        return NOT_KNOWN
    if replica is None:
        return "none"
    part = "leader" if quorum.leader == node.id else "voter" if replica in quorum.voters else "observer"
    return part if replica.caught_up else f"{part}, {replica.behind} records behind"


def _broker_state(node: NodePlan, registered: Collection[int], responding: Collection[int]) -> str:
    if BROKER not in node.roles:
        return ""
    if node.id not in responding:
        return "does not respond"
    return RESPONDS if node.id in registered else "responds, but is fenced"


def readable(partitions: Sequence[Partition], responding: Collection[int]) -> list[int]:
    """Return the numbers of the partitions whose leader responds: the others can't be read."""
    return [partition.number for partition in partitions if partition.leader in responding]


def shown_topics(client: KafkaClient, responding: Collection[int], number: int = 1) -> TopicList:
    """Return a page of the topics, Kafka's own last: the first is number 1, the last for any higher number.

    The records are those of leaders that respond. Raises KafkaFailed.
    """
    try:
        return _topics(client, responding, number)
    except KafkaFailed:  # a topic was deleted between the two requests
        return _topics(client, responding, number)


def _topics(client: KafkaClient, responding: Collection[int], number: int) -> TopicList:
    described = client.topics()
    names = sorted(described, key=lambda name: (is_internal(name), name))
    pages = max(1, -(-len(names) // TOPICS_PER_PAGE))
    number = min(number, pages)
    first = (number - 1) * TOPICS_PER_PAGE
    chosen = names[first : first + TOPICS_PER_PAGE]
    # two requests for each page: the offsets of 10,000 partitions take seconds
    ranges = client.offset_ranges({name: readable(described[name], responding) for name in chosen})
    topics = [
        ShownTopic(name, described[name], sum(end - begin for begin, end in ranges[name].values())) for name in chosen
    ]
    own = [name for name in names if not is_internal(name)]
    partitions = sum(len(described[name]) for name in own)
    return TopicList(tuple(topics), number, pages, first + 1, len(names), len(own), partitions)


def is_internal(name: str) -> bool:
    """Return whether a topic is one of Kafka's own."""
    return name.startswith("__")


def shown_record(record: Record, decode: Callable[[bytes], Decoded | None]) -> ShownRecord:
    """Return a record as text; `decode` returns the JSON of bytes that carry the id of a schema."""
    when = "" if record.timestamp is None else _shown_time(record.timestamp)
    key, value = (_shown_part(raw, decode) for raw in (record.key, record.value))
    return ShownRecord(record.partition, record.offset, when, key, value)


def _shown_part(raw: bytes | None, decode: Callable[[bytes], Decoded | None]) -> ShownText:
    if raw is None or isinstance(raw, Oversized) or not (decoded := decode(raw)):
        return shown_text(raw)
    return ShownText("json", _shortened(decoded.json, len(decoded.json)), decoded.schema)


def full_text(raw: bytes | None, shown: ShownText) -> str:
    """Return the whole text of a key or value for a search; of what was decoded, what is shown."""
    if raw is None:
        return ""
    return raw.decode(errors="replace") if shown.schema is None else shown.text


def _shown_time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    except (ValueError, OverflowError, OSError):  # a producer may set any number
        return f"{milliseconds} ms"


def shown_text(raw: bytes | None) -> ShownText:
    """Return bytes as text, MOST_SHOWN characters at most."""
    if raw is None:
        return ShownText("null", "null")
    if isinstance(raw, Oversized):
        size = f"{LARGEST_BATCH // MEBIBYTE} MiB"
        return ShownText("binary", f"not shown: the batch of records up to this offset unpacks to more than {size}")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ShownText("binary", _shortened(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if CONTROLS.search(text):
        return ShownText("binary", _shortened(raw[:MOST_SHOWN].hex(" "), len(raw) * 3))
    if text[:1] in {"{", "["} and len(text) <= MOST_SHOWN and (indented := _indented(text)):
        return ShownText("json", indented)
    return ShownText("text", _shortened(text, len(text)))


def _indented(text: str) -> str:
    """JSON, indented; "" where it is no JSON, or where indenting would change more than whitespace."""
    try:
        indented = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""
    same = "".join(indented.split()) == "".join(text.split())  # 1.10, 1E400, a key that is there twice
    return indented if same and len(indented) <= MOST_SHOWN else ""


def shown_groups(client: KafkaClient, responding: Collection[int], most: int | None = None) -> GroupList:
    """Return the groups whose coordinator responds, `most` of them: all where that is None.

    Each group has its committed offsets, and its lag where the leader responds. Raises KafkaFailed.
    """
    registered = set(client.broker_endpoints())
    found = client.groups(registered.intersection(responding))
    groups = dict(sorted(found.items())[:most])
    # a share group has no committed offsets
    committed = {
        name: {} if group.kind == "share" else client.committed_offsets(name) for name, group in groups.items()
    }
    described = client.topics(sorted({topic for offsets in committed.values() for topic, _number in offsets}))
    ranges = client.offset_ranges({topic: readable(partitions, responding) for topic, partitions in described.items()})

    def row(topic: str, number: int, offset: int) -> Row:
        _first, end = ranges.get(topic, {}).get(number, (0, None))
        return topic, number, offset, end, None if end is None else max(0, end - offset)

    shown = [
        ShownGroup(
            name,
            group.kind,
            group.state.lower(),
            tuple(row(*position, offset) for position, offset in sorted(committed[name].items())),
        )
        for name, group in groups.items()
    ]
    return GroupList(shown, sorted(registered.difference(responding)), len(found) - len(groups))


def _shortened(text: str, characters: int) -> str:
    if characters <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]} … ({characters - MOST_SHOWN} more characters)"
