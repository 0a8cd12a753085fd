"""kafka-python behind few verbs. None of its exceptions leaves this file: they come out as KafkaFailed."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from labctl.errors import AccessDenied, KafkaFailed
from labctl.parallel import in_time
from labctl.plan import AclPlan
from labctl.results import Partition

P = ParamSpec("P")
T = TypeVar("T")

REQUEST_SECONDS = 10
RETRY_MILLISECONDS = 20
METADATA_MILLISECONDS = 5  # each new consumer waits for it once
POLL_SECONDS = 10.0  # a member whose poll ends while it joins forgets to go on: a poll outlasts any join
GRACE_SECONDS = 2.0  # for the library's own words on why an answer did not come
CLOSE_SECONDS = 2.0  # kafka-python's take up to 120 s where the broker is gone
PEEK_SECONDS = 2.0
EARLIEST, LATEST = -2, -1  # the offsets that ListOffsets tells for these times
FETCH_MILLISECONDS = 20  # how long the broker may hold a fetch that finds nothing: a client that ends waits for it
CONNECT_SECONDS = 5
ANY_TOPIC_ID = "bGFiY3RsLXNoYXJlLWtleQ"  # 16 bytes in Kafka's base64
# the leader writes a record every 500 ms and a follower fetches as often: one that was not level for longer is late
LATE_MILLISECONDS = 3000


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None = None  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Voter:
    """A voter as the quorum's leader sees it: how many records behind, and whether it was level just now."""

    id: int
    behind: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Quorum:
    """The metadata quorum. The leader's id is -1 where there is none."""

    leader: int
    voters: tuple[Voter, ...]

    def refusal(self, wanted: set[int]) -> str:
        """What is wrong with it where `wanted` are the ids of its voters, or nothing."""
        seen = {voter.id for voter in self.voters}
        if seen != wanted:
            return f"the voters are {sorted(seen)}"
        if self.leader not in wanted:
            return "there is no leader"
        late = [voter for voter in self.voters if not voter.caught_up]
        if late:
            named = ", ".join(f"voter {voter.id} is {voter.behind} records behind" for voter in late)
            return f"{len(wanted) - len(late)} of {len(wanted)} voters caught up: {named}"
        return ""


def answers(address: str, seconds: float = 1) -> str | None:
    """None where something accepts connections at HOST:PORT, else what happened."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
    except socket.gaierror:
        return f"the name {host} can't be resolved"
    except TimeoutError:
        return f"{address} does not answer"
    except ConnectionRefusedError:
        return f"nothing listens on {address}"
    except OSError as error:
        return f"{address}: {error.strerror or error}"
    return None


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    from kafka.errors import AuthorizationError, KafkaError

    try:
        yield
    except AuthorizationError as error:
        raise AccessDenied(f"{what}: {type(error).__name__}") from error
    except KafkaError as error:
        kind = type(error).__name__
        raise KafkaFailed(f"{what}: {kind}: {str(error).removeprefix(f'{kind}: ')}".rstrip(": ")) from error
    except OSError as error:
        raise KafkaFailed(f"{what}: {error}") from error


def _in_time(verb: Callable[Concatenate[KafkaClient, P], T]) -> Callable[Concatenate[KafkaClient, P], T]:
    """Ask in a thread of its own, and end at the deadline whatever kafka-python does.

    It drives its connections in the thread that asks: there it swallows interrupts, and some of its calls never return.
    """

    @functools.wraps(verb)
    def ask(self: KafkaClient, /, *args: P.args, **options: P.kwargs) -> T:
        own = options.get("seconds")
        seconds = self.patience + (float(own) if isinstance(own, (int, float)) else 0.0)
        try:
            return in_time(functools.partial(verb, self, *args, **options), seconds)
        except TimeoutError:
            self.close()
            raise KafkaFailed(f"{verb.__name__.replace('_', ' ')}: no answer within {seconds:.0f} s") from None

    return ask


def load_library() -> None:
    """Import kafka-python in a thread of its own: 0.2 s that pass while nodes are started."""
    threading.Thread(target=importlib.import_module, args=("kafka",), daemon=True).start()


class KafkaClient:
    """One client of one Kafka, for all threads. `bootstrap` is HOST:PORT[,HOST:PORT…]; `settings` are kafka-python's.

    Each verb raises KafkaFailed where Kafka refuses, or does not answer within `seconds`; the first one, where it can't
    be connected to within `connect` seconds. A thread that kafka-python keeps longer is left behind.
    """

    def __init__(
        self,
        bootstrap: str,
        settings: Mapping[str, Any] | None = None,
        connect: float = CONNECT_SECONDS,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        importlib.import_module("kafka")  # whole before any part of it: `load_library` may be at it
        from kafka.cluster import ClusterMetadata

        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        # kafka-python hands retry_backoff_ms to all its parts but this one, which then pauses 100 ms for each new topic
        ClusterMetadata.DEFAULT_CONFIG["retry_backoff_ms"] = METADATA_MILLISECONDS
        self.bootstrap = bootstrap
        self._settings = {
            "bootstrap_servers": bootstrap.split(","),
            "client_id": "labctl",
            "bootstrap_timeout_ms": int(connect * 1000),
            "request_timeout_ms": int(seconds * 1000),
            "reconnect_backoff_ms": 10,
            "reconnect_backoff_max_ms": 30,
            "retry_backoff_ms": RETRY_MILLISECONDS,
            **(settings or {}),
        }
        self._seconds = seconds
        self.patience = connect + seconds + GRACE_SECONDS  # for one verb, in seconds
        self._making = threading.Lock()
        self._reading = threading.Lock()
        self._admin: Any = None
        self._producer: Any = None
        self._reader: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; the next verb connects anew."""
        producer, admin, reader = self._producer, self._admin, self._reader
        self._admin = self._producer = self._reader = None
        self._making, self._reading = threading.Lock(), threading.Lock()  # who was left behind may hold the old ones
        _close(
            [
                *([functools.partial(_end_producer, producer)] if producer else []),
                *(one.close for one in (admin, reader) if one),
            ]
        )

    # -- asking ------------------------------------------------------------

    @_in_time
    def cluster_id(self) -> str:
        """The cluster's id."""
        from kafka.protocol.metadata import MetadataRequest

        return str(self._ask(MetadataRequest(topics=[]), "cluster id").cluster_id)

    @_in_time
    def advertised(self) -> dict[int, str]:
        """What each unfenced broker tells clients to connect to, as the bootstrap address says: {id: HOST:PORT}."""
        from kafka.protocol.metadata import MetadataRequest

        answer = self._ask(MetadataRequest(topics=[]), "brokers")
        return {broker.node_id: f"{broker.host}:{broker.port}" for broker in answer.brokers}

    @_in_time
    def quorum(self) -> Quorum:
        """The metadata quorum as its leader sees it."""
        return _quorum(self._ask(_describe_quorum(), "metadata quorum"))

    @_in_time
    def quorums(self) -> dict[str, Quorum]:
        """The metadata quorum as the controllers that each broker follows tell of it: {bootstrap address: quorum}."""
        request = _describe_quorum()
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no verb for it
        seen = {}
        for broker in manager.cluster.bootstrap_brokers():
            address = f"{broker.host}:{broker.port}"
            with _translated(f"metadata quorum at {address}"):
                seen[address] = _quorum(manager.run(manager.send, request, broker.node_id))
        return seen

    @_in_time
    def topics(self, names: Sequence[str] | None = None) -> dict[str, tuple[Partition, ...]]:
        """The partitions of the topics `names` (all where None); a topic that is not there is not in the answer."""
        from kafka.protocol.metadata import MetadataRequest

        if names is not None and not names:
            return {}
        asked = None if names is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        answer = self._ask(MetadataRequest(topics=asked, allow_auto_topic_creation=False), "describe topics")
        return {
            topic.name: tuple(
                Partition(one.partition_index, one.leader_id, tuple(one.replica_nodes), tuple(one.isr_nodes))
                for one in sorted(topic.partitions, key=lambda one: int(one.partition_index))
            )
            for topic in answer.topics
            if not topic.error_code
        }

    @_in_time
    def known(self, names: Sequence[str]) -> list[set[str]]:
        """Which of the topics `names` each bootstrap address that answers knows: brokers learn of them one by one."""
        from kafka.protocol.metadata import MetadataRequest

        asked = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=asked, allow_auto_topic_creation=False)
        answers = self._ask_each(request, "describe topics")
        return [{topic.name for topic in answer.topics if not topic.error_code} for answer in answers]

    @_in_time
    def topic_config(self, name: str) -> dict[str, str]:
        """The settings of a topic, defaults included."""
        return self._config("topic", name)

    @_in_time
    def broker_config(self, broker: int) -> dict[str, str]:
        """The settings of a broker, defaults included."""
        return self._config("broker", str(broker))

    def _config(self, kind: str, name: str) -> dict[str, str]:
        from kafka.admin import ConfigResource, ConfigResourceType

        with _translated(f"settings of {kind} {name}"):
            answer = self._connected().describe_configs(
                [ConfigResource(ConfigResourceType[kind.upper()], name)], config_filter="all"
            )
        return {key: str(entry["value"]) for key, entry in answer.get(kind, {}).get(name, {}).items()}

    @_in_time
    def open_transactions(self) -> list[str]:
        """The transactional ids that have a transaction open now."""
        with _translated("list transactions"):
            listed = self._connected().list_transactions(state_filters=["Ongoing"])
        return sorted({str(one.transactional_id) for found in listed.values() for one in found})

    @_in_time
    def groups(self) -> list[str]:
        """The names of all groups."""
        with _translated("list groups"):
            return [str(group["group_id"]) for group in self._connected().list_groups()]

    @_in_time
    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """The offsets that a consumer group has committed."""
        with _translated(f"offsets of group {group}"):
            offsets = self._connected().list_group_offsets([group])
        found = offsets.get(group, offsets)
        return {(partition.topic, partition.partition): entry.offset for partition, entry in found.items()}

    # -- changing ----------------------------------------------------------

    @_in_time
    def create_topics(self, topics: Mapping[str, tuple[int, int, Mapping[str, str]]]) -> list[str]:
        """Make {name: (partitions, replication factor, settings)}; the names that were not there before."""
        if not topics:
            return []
        from kafka.admin import NewTopic
        from kafka.errors import TopicAlreadyExistsError

        made = []
        new = {
            name: NewTopic(name, number, copies, topic_configs=dict(config))
            for name, (number, copies, config) in topics.items()
        }
        with _translated("create topics"):
            answer = self._connected().create_topics(list(new.values()), raise_errors=False)
        for topic in answer["topics"]:
            if topic["error_code"] == TopicAlreadyExistsError.errno:
                continue
            if topic["error_code"]:
                why = topic["error_message"] or f"error {topic['error_code']}"
                raise KafkaFailed(f"topic {topic['name']} can't be made: {why}")
            made.append(str(topic["name"]))
        return made

    @_in_time
    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics; one that is not there is no error."""
        with _translated("delete topics"):
            if not names:
                return
            self._connected().delete_topics(list(names), raise_errors=False)

    @_in_time
    def delete_groups(self, groups: Sequence[str]) -> dict[str, str]:
        """Delete groups; {group: why not} of those that are still there."""
        with _translated("delete groups"):
            answers = self._connected().delete_groups(list(groups)) if groups else {}
        return {group: why for group, why in answers.items() if why not in {"OK", "GroupIdNotFoundError"}}

    @_in_time
    def remove_members(self, group: str) -> int:
        """Make the members of a classic group leave it; how many there were. They may join again."""
        from kafka.admin import MemberToRemove

        with _translated(f"members of group {group}"):
            members = self._connected().describe_groups([group])[group]["members"]
            leaving = [MemberToRemove(one["member_id"], one["group_instance_id"]) for one in members]
            self._connected().remove_group_members(group, leaving)
        return len(leaving)

    @_in_time
    def abort_transaction(self, transactional_id: str) -> None:
        """Abort what is open under the id: a new producer fences the old one out."""
        with _translated(f"transaction of {transactional_id}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
            finally:
                _end_producer(producer)

    @_in_time
    def set_group_config(self, group: str, config: Mapping[str, str]) -> None:
        """Change settings of a group."""
        from kafka.admin import ConfigResource, ConfigResourceType

        with _translated(f"settings of group {group}"):
            answer = self._connected().alter_configs(
                [ConfigResource(ConfigResourceType.GROUP, group, configs=dict(config))]
            )
        refusal = next(iter(answer.get("group", {}).values()), "OK")
        if refusal != "OK":
            raise KafkaFailed(f"settings of group {group}: {refusal}")

    @_in_time
    def wake_coordinators(self) -> None:
        """Have Kafka make the topics of consumer groups and transactions, before a first one has to wait for them.

        It does so when it is first asked for the coordinator of any group, of any transactional id.
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        for kind in (CoordinatorType.GROUP, CoordinatorType.TRANSACTION):
            request = FindCoordinatorRequest(key_type=kind.value, coordinator_keys=["labctl"], min_version=4)
            self._ask(request, f"{kind.name.lower()} coordinator")

    @_in_time
    def wake_share_coordinator(self, group: str) -> None:
        """Have Kafka make the topic that share groups keep their state in, before a first member has to wait for it.

        It does so when it is first asked for the coordinator of any share partition (KIP-932: GROUP:TOPIC_ID:NUMBER).
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        key = f"{group}:{ANY_TOPIC_ID}:0"
        request = FindCoordinatorRequest(key_type=CoordinatorType.SHARE.value, coordinator_keys=[key], min_version=6)
        self._ask(request, "share coordinator")

    @_in_time
    def acls(self) -> set[AclPlan]:
        """Every permission that the cluster has; one that denies, or is for one host alone, is not among them."""
        from kafka.admin import (
            ACLFilter,
            ACLOperation,
            ACLPermissionType,
            ACLResourcePatternType,
            ResourcePatternFilter,
            ResourceType,
        )

        pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        everything = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)
        with _translated("describe ACLs"):
            found, error = self._connected().describe_acls(everything)
        if getattr(error, "errno", 0):
            raise KafkaFailed(f"describe ACLs: {error.__name__ if isinstance(error, type) else error}")
        return {
            AclPlan(
                one.principal.removeprefix("User:"),
                one.resource_pattern.resource_type.name.lower(),
                one.resource_pattern.pattern_type.name.lower(),
                one.resource_pattern.resource_name,
                one.operation.name.lower(),
            )
            for one in found
            if one.permission_type is ACLPermissionType.ALLOW
        }

    @_in_time
    def create_acls(self, acls: Collection[AclPlan]) -> None:
        """Give these permissions; one that is there already stays."""
        new = [_acl(one) for one in sorted(acls)]
        with _translated("create ACLs"):
            answer = self._connected().create_acls(new)
        if answer["failed"]:
            raise KafkaFailed(f"create ACLs: {answer['failed'][0]}")

    @_in_time
    def delete_acls(self, acls: Collection[AclPlan]) -> None:
        """Take these permissions away; one that is not there is no error."""
        with _translated("delete ACLs"):
            self._connected().delete_acls([_acl(one) for one in acls])

    @_in_time
    def add_users(self, passwords: Mapping[str, str]) -> None:
        """Let in by SCRAM-SHA-512 those of {user: password} whom the cluster does not know yet."""
        from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

        with _translated("add users"):
            known = self._connected().describe_user_scram_credentials()
            new = [
                UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password)
                for user, password in passwords.items()
                if user not in known
            ]
            refusals = self._connected().alter_user_scram_credentials(new) if new else {}
        for user, refusal in refusals.items():
            if refusal:
                raise KafkaFailed(f"add user {user}: {refusal}")

    # -- records -----------------------------------------------------------

    @_in_time
    def produce(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], *, partition: int | None = None
    ) -> list[tuple[int, int]]:
        """Write (key, value) records with acks=all, in order; (partition, offset) of each."""
        with _translated(f"write to {topic}"):
            producer = self._writer()
            sent = [producer.send(topic, key=key, value=value, partition=partition) for key, value in records]
            written = [future.get(self._seconds) for future in sent]
        return [(one.partition, one.offset) for one in written]

    @_in_time
    def produce_transactions(
        self, topic: str, transactional_id: str, transactions: Sequence[tuple[bytes, bool]]
    ) -> None:
        """Write each (value, commit) in a transaction of its own, committed or aborted."""
        with _translated(f"transaction on {topic}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
                for value, commit in transactions:
                    producer.begin_transaction()
                    producer.send(topic, value=value).get(self._seconds)
                    producer.commit_transaction() if commit else producer.abort_transaction()
            finally:
                _end_producer(producer)

    @_in_time
    def read(
        self,
        topic: str,
        *,
        partitions: int | None = None,
        until: int | None = None,
        seconds: float | None = None,
        committed_only: bool = False,
    ) -> list[Record]:
        """Every record of `topic` that is there now, without a group; sorted by partition and offset.

        With `until`, waits up to `seconds` (the client's where None) for that many records. Where `partitions` tells
        how many there are, the cluster is not asked: it says of a forbidden topic that there is none.
        """
        from kafka import KafkaConsumer, TopicPartition

        isolation = "read_committed" if committed_only else "read_uncommitted"
        with _translated(f"read {topic}"):
            consumer = _connecting(
                KafkaConsumer,
                **self._settings,
                group_id=None,
                isolation_level=isolation,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=FETCH_MILLISECONDS,
            )
            try:
                numbers = range(partitions) if partitions else sorted(self._partition_numbers(consumer, topic))
                assigned = [TopicPartition(topic, number) for number in numbers]
                consumer.assign(assigned)
                consumer.seek_to_beginning(*assigned)
                ends = consumer.end_offsets(assigned)
                found: list[Record] = []
                give_up = time.monotonic() + (self._seconds if seconds is None else seconds)
                while time.monotonic() < give_up:
                    at_end = all(consumer.position(one) >= ends[one] for one in assigned)
                    if (at_end and until is None) or (until is not None and len(found) >= until):
                        break
                    found += _records(consumer.poll(timeout_ms=100))
            finally:
                consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    @_in_time
    def ranges(self, partitions: Mapping[str, int]) -> dict[str, dict[int, tuple[int, int]]]:
        """{topic: {partition: (first offset, offset after the last record)}} of {topic: number of partitions}."""
        from kafka import TopicPartition

        asked = [TopicPartition(topic, number) for topic, count in partitions.items() for number in range(count)]
        if not asked:
            return {}
        with _translated("offsets"):
            admin = self._connected()
            first = admin.list_partition_offsets(dict.fromkeys(asked, EARLIEST))
            ends = admin.list_partition_offsets(dict.fromkeys(asked, LATEST))
        return {
            topic: {
                number: (first[at].offset, ends[at].offset)
                for number in range(count)
                if (at := TopicPartition(topic, number)) in ends
            }
            for topic, count in partitions.items()
        }

    @_in_time
    def peek(
        self, topic: str, *, numbers: Sequence[int], partition: int | None, offset: int | None, limit: int
    ) -> list[Record]:
        """Up to `limit` records: from `offset` on in each partition, or the newest where it is None; newest last.

        Of `partition`, or of all `numbers` where it is None.
        """
        from kafka import TopicPartition

        asked = [TopicPartition(topic, number) for number in ([partition] if partition is not None else numbers)]
        ranges = self.ranges({topic: len(numbers)})[topic]
        found: list[Record] = []
        with _translated(f"read {topic}"), self._reader_at(asked) as reader:
            for at in asked:
                first, end = ranges[at.partition]
                start = max(first, end - limit) if offset is None else max(first, offset)
                reader.seek(at, min(start, end))
            give_up = time.monotonic() + PEEK_SECONDS
            while time.monotonic() < give_up:
                if all(
                    reader.position(at) >= ranges[at.partition][1] or _of(found, at.partition) >= limit for at in asked
                ):
                    break
                found += _records(reader.poll(timeout_ms=100))
        # across partitions only time orders records
        found.sort(key=lambda one: (one.timestamp or 0, one.partition, one.offset))
        return found[-limit:] if offset is None else found[:limit]

    @contextlib.contextmanager
    def _reader_at(self, partitions: Sequence[Any]) -> Iterator[Any]:
        """The one consumer without a group, for one reader at a time."""
        from kafka import KafkaConsumer

        with self._reading:
            if self._reader is None:
                self._reader = _connecting(
                    KafkaConsumer,
                    **self._settings,
                    group_id=None,
                    auto_offset_reset="earliest",
                    fetch_max_wait_ms=FETCH_MILLISECONDS,
                )
            self._reader.assign(list(partitions))
            yield self._reader

    @_in_time
    def member(self, topic: str, group: str) -> GroupMember:
        """A new member of the consumer group `group`, subscribed to `topic`."""
        from kafka import KafkaConsumer

        with _translated(f"group {group}"):
            consumer = _connecting(
                KafkaConsumer,
                topic,
                **self._settings,
                group_id=group,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=FETCH_MILLISECONDS,
                heartbeat_interval_ms=50,
            )
            # kafka-python joins without knowing the partitions, has to join again, and where its poll ends meanwhile it
            # forgets to: it never reads anything
            try:
                self._partition_numbers(consumer, topic)
            except BaseException:
                _close([functools.partial(consumer.close, autocommit=False)])
                raise
        return GroupMember(consumer, group, self._seconds)

    def _partition_numbers(self, consumer: Any, topic: str) -> set[int]:
        numbers: set[int] | None = consumer.partitions_for_topic(topic)
        if not numbers:
            raise KafkaFailed(f"read {topic}: there is no such topic")
        return numbers

    # -- the connection ----------------------------------------------------

    def _connected(self) -> Any:
        with self._making:
            if self._admin is None:
                from kafka import KafkaAdminClient

                with _translated(f"connect to {self.bootstrap}"):
                    self._admin = _connecting(KafkaAdminClient, **self._settings)
            return self._admin

    def _writer(self) -> Any:
        with self._making:
            if self._producer is None:
                self._producer = self._make_producer()
            return self._producer

    def _make_producer(self, **settings: Any) -> Any:
        from kafka import KafkaProducer

        ends = dict.fromkeys(("max_block_ms", "delivery_timeout_ms"), int(self._seconds * 1000))
        return KafkaProducer(**self._settings, **ends, **settings)

    def _ask(self, request: Any, what: str) -> Any:
        """What the first bootstrap address that answers says: a wrong advertised address must not hide it."""
        return next(self._ask_each(request, what))

    def _ask_each(self, request: Any, what: str) -> Iterator[Any]:
        """What each bootstrap address says that answers. Raises KafkaFailed where none does."""
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no verb for it
        refusals = []
        answered = False
        for broker in manager.cluster.bootstrap_brokers():
            try:
                with _translated(f"{what} at {broker.host}:{broker.port}"):
                    answer = manager.run(manager.send, request, broker.node_id)
            except KafkaFailed as error:
                refusals.append(error)
                continue
            answered = True
            yield answer
        if not answered:
            raise KafkaFailed("; ".join(refusal.message for refusal in refusals))


class GroupMember:
    """A member of a consumer group that is driven by its `poll`: in a thread of its own, while records come in.

    Raises KafkaFailed where Kafka refuses.
    """

    def __init__(self, consumer: Any, group: str, seconds: float) -> None:
        self._consumer = consumer
        self._what = f"group {group}"
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group, without a commit."""
        _close([functools.partial(self._consumer.close, autocommit=False)])

    def poll(self, seconds: float = POLL_SECONDS) -> list[Record]:
        """The records that came, as soon as there is one; none after `seconds`.

        One whose time runs out while the member joins or is given partitions anew may leave it without any for ever.
        """
        return _records(self._asked(lambda: self._consumer.poll(timeout_ms=int(seconds * 1000)), seconds))

    def partitions(self) -> set[int]:
        """The partitions that this member has now."""
        return {one.partition for one in self._consumer.assignment()}

    def commit(self) -> bool:
        """Commit what was polled; False where the group is sharing its partitions out again: poll on, then again."""
        from kafka.errors import CommitFailedError, RebalanceInProgressError

        def commit() -> bool:
            try:
                self._consumer.commit()
            except (CommitFailedError, RebalanceInProgressError):
                return False
            return True

        return self._asked(commit)

    def _asked(self, question: Callable[[], T], seconds: float = 0.0) -> T:
        """The answer, `seconds` and an answer's time later at most."""
        with _translated(self._what):
            try:
                return in_time(question, seconds + self._seconds)
            except TimeoutError:
                raise KafkaFailed(f"{self._what}: no answer within {seconds + self._seconds:.0f} s") from None


def _connecting(kind: Any, *topics: str, **settings: Any) -> Any:
    """A client of kafka-python's; one that can't connect leaves neither its thread nor its sockets, as it would."""
    client = kind.__new__(kind)
    try:
        client.__init__(*topics, **settings)
    except BaseException:
        if net := getattr(client, "_net", None):
            net.close()
        raise
    return client


def _close(closings: Sequence[Callable[[], object]]) -> None:
    """Close one after another, CLOSE_SECONDS in all: what takes longer goes on behind."""

    def close() -> None:
        for one in closings:
            with contextlib.suppress(Exception):
                one()

    if closings:
        with contextlib.suppress(TimeoutError):
            in_time(close, CLOSE_SECONDS)


def _end_producer(producer: Any) -> None:
    """Close it; what it could not write by now is given up: kafka-python would leave it open, its thread running."""
    from kafka.errors import KafkaTimeoutError

    try:
        producer.close(timeout=1)
    except KafkaTimeoutError:
        producer._sender.force_close()  # noqa: SLF001 - `close` gives up before it comes to this
        producer.close(timeout=1)


def _of(records: Sequence[Record], partition: int) -> int:
    return sum(one.partition == partition for one in records)


def _records(polled: Mapping[Any, Sequence[Any]]) -> list[Record]:
    return [
        Record(one.partition, one.offset, one.key, one.value, one.timestamp)
        for batch in polled.values()
        for one in batch
    ]


def _describe_quorum() -> Any:
    from kafka.protocol.admin import DescribeQuorumRequest

    topic = DescribeQuorumRequest.TopicData
    partition = topic.PartitionData(partition_index=0)
    return DescribeQuorumRequest(topics=[topic(topic_name="__cluster_metadata", partitions=[partition])])


def _quorum(answer: Any) -> Quorum:
    partition = answer.topics[0].partitions[0]
    if partition.error_code:
        raise KafkaFailed(f"metadata quorum: error {partition.error_code} {partition.error_message or ''}".strip())
    voters = partition.current_voters
    end = max((voter.log_end_offset for voter in voters), default=0)
    now = max((voter.last_caught_up_timestamp for voter in voters), default=0)
    return Quorum(
        partition.leader_id,
        tuple(
            Voter(one.replica_id, end - one.log_end_offset, now - one.last_caught_up_timestamp <= LATE_MILLISECONDS)
            for one in voters
        ),
    )


def _acl(one: AclPlan) -> Any:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    pattern = ACLResourcePatternType[one.pattern.upper()]
    resource = ResourcePattern(ResourceType[one.resource.upper()], one.name, pattern)
    operation = ACLOperation[one.operation.upper()]
    return ACL(f"User:{one.user}", "*", operation, ACLPermissionType.ALLOW, resource)
