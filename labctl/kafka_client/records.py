"""Records in and out."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from labctl.errors import KafkaFailed
from labctl.kafka_client.asking import Asking
from labctl.kafka_client.border import close_all, connecting, end_producer, ends_in_time, translated
from labctl.kafka_client.member import GroupMember, read_records
from labctl.kafka_client.values import Record

T = TypeVar("T")

PEEK_SECONDS = 2.0
FETCH_MILLISECONDS = 20  # how long the broker may hold a fetch that finds nothing: a client that ends waits for it


class Records(Asking):
    """The verbs that write and read."""

    @ends_in_time
    def produce(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], *, partition: int | None = None
    ) -> list[tuple[int, int]]:
        """Write (key, value) records with acks=all, in order; (partition, offset) of each."""
        with translated(f"write to {topic}"):
            producer = self._writer()
            sent = [producer.send(topic, key=key, value=value, partition=partition) for key, value in records]
            written = [future.get(self._seconds) for future in sent]
        return [(one.partition, one.offset) for one in written]

    @ends_in_time
    def produce_transactions(
        self, topic: str, transactional_id: str, transactions: Sequence[tuple[bytes, bool]]
    ) -> None:
        """Write each (value, commit) in a transaction of its own, committed or aborted."""
        with translated(f"transaction on {topic}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
                for value, commit in transactions:
                    producer.begin_transaction()
                    producer.send(topic, value=value).get(self._seconds)
                    producer.commit_transaction() if commit else producer.abort_transaction()
            finally:
                end_producer(producer)

    @ends_in_time
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
        with translated(f"read {topic}"):
            consumer = connecting(
                KafkaConsumer,
                **self._client_settings,
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
                    found += read_records(consumer.poll(timeout_ms=100))
            finally:
                close_all([consumer.close])
        return sorted(found, key=lambda record: (record.partition, record.offset))

    @ends_in_time
    def peek(
        self,
        topic: str,
        ranges: Mapping[int, tuple[int, int]],
        *,
        offset: int | None,
        limit: int,
        view: Callable[[Record], T],
    ) -> tuple[list[T], bool]:
        """What `view` makes of up to `limit` records, newest last; and whether all were read within PEEK_SECONDS.

        Of the partitions in `ranges`, which the verb of that name told: from `offset` on in each, or the newest where
        it is None. Nothing but the views is kept of a record: it may be large.
        """
        from kafka import TopicPartition

        if not ranges:
            return [], True
        asked = [TopicPartition(topic, number) for number in ranges]
        found: list[tuple[tuple[int, int, int], T]] = []
        seen: Counter[int] = Counter()
        with translated(f"read {topic}"), self._reader_at(asked) as reader:
            for at in asked:
                first, end = ranges[at.partition]
                start = max(first, end - limit) if offset is None else max(first, offset)
                reader.seek(at, min(start, end))

            def whole() -> bool:
                return all(
                    seen[at.partition] >= limit or reader.position(at) >= ranges[at.partition][1] for at in asked
                )

            give_up = time.monotonic() + PEEK_SECONDS
            while not (done := whole()) and time.monotonic() < give_up:
                for one in read_records(reader.poll(timeout_ms=100)):
                    seen[one.partition] += 1
                    # across partitions only time orders records
                    found.append(((one.timestamp or 0, one.partition, one.offset), view(one)))
        found.sort(key=itemgetter(0))
        return [one for _place, one in (found[-limit:] if offset is None else found[:limit])], done

    @contextlib.contextmanager
    def _reader_at(self, partitions: Sequence[Any]) -> Iterator[Any]:
        """The one consumer without a group, for one reader at a time."""
        from kafka import KafkaConsumer

        with self._reading:
            reader = self._reader
            if reader is None:
                reader = self._reader = connecting(
                    KafkaConsumer,
                    **self._client_settings,
                    group_id=None,
                    auto_offset_reset="earliest",
                    fetch_max_wait_ms=FETCH_MILLISECONDS,
                    check_crcs=False,  # in Python alone 0.1 s for each MB; the broker has looked
                )
            reader.assign(list(partitions))
            yield reader

    @ends_in_time
    def member(self, topic: str, group: str) -> GroupMember:
        """A new member of the consumer group `group`, subscribed to `topic`."""
        from kafka import KafkaConsumer

        with translated(f"group {group}"):
            consumer = connecting(
                KafkaConsumer,
                topic,
                **self._client_settings,
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
                close_all([functools.partial(consumer.close, autocommit=False)])
                raise
        return GroupMember(consumer, group, self._seconds)

    def _partition_numbers(self, consumer: Any, topic: str) -> set[int]:
        numbers: set[int] | None = consumer.partitions_for_topic(topic)
        if not numbers:
            raise KafkaFailed(f"read {topic}: there is no such topic")
        return numbers
