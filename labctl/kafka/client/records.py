"""Writing and reading records."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from labctl.errors import KafkaFailed
from labctl.kafka.client.adapter import close_all, end_producer, map_errors, open_client, with_timeout
from labctl.kafka.client.admin_read import AdminRead
from labctl.kafka.client.group_consumer import GroupConsumer, read_records
from labctl.kafka.client.types import Record
from labctl.kafka.client.unpacking import limit_batches

T = TypeVar("T")

BROWSE_SECONDS = 2.0  # until a person who looks at a topic sees what was read so far
FETCH_BYTES = 8 * 2**20  # of one response; the first batch in it may be larger
RESPONSE_BYTES = 32 * 2**20
FETCH_MILLISECONDS = 20  # how long the broker may delay a fetch that finds nothing: a client that closes waits for it


class Records(AdminRead):
    """The methods that write and read. Each raises KafkaFailed."""

    @with_timeout
    def produce(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], *, partition: int | None = None
    ) -> list[tuple[int, int]]:
        """Write (key, value) records with acks=all, in order, and return (partition, offset) of each."""
        with map_errors(f"write to {topic}"):
            producer = self._writer()
            sent = [producer.send(topic, key=key, value=value, partition=partition) for key, value in records]
            written = [future.get(self._seconds) for future in sent]
        return [(metadata.partition, metadata.offset) for metadata in written]

    @with_timeout
    def produce_transactions(
        self, topic: str, transactional_id: str, transactions: Sequence[tuple[bytes, bool]]
    ) -> None:
        """Write each (value, commit) in a transaction of its own, committed or aborted."""
        with map_errors(f"transaction on {topic}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
                for value, commit in transactions:
                    producer.begin_transaction()
                    producer.send(topic, value=value).get(self._seconds)
                    producer.commit_transaction() if commit else producer.abort_transaction()
            finally:
                end_producer(producer)

    @with_timeout
    def read(
        self,
        topic: str,
        *,
        partitions: int | None = None,
        until: int | None = None,
        seconds: float | None = None,
        committed_only: bool = False,
    ) -> list[Record]:
        """Return every record of `topic` that exists now, without a group, sorted by partition and offset.

        With `until`, wait up to `seconds` (the client's where None) for that many records. Where `partitions` says how
        many partitions there are, the cluster is not queried: it reports that a forbidden topic does not exist.
        """
        from kafka import TopicPartition

        isolation = "read_committed" if committed_only else "read_uncommitted"
        with map_errors(f"read {topic}"):
            consumer = self._open_consumer(group_id=None, isolation_level=isolation)
            try:
                numbers = range(partitions) if partitions else sorted(self._partition_numbers(consumer, topic))
                assigned = [TopicPartition(topic, number) for number in numbers]
                consumer.assign(assigned)
                consumer.seek_to_beginning(*assigned)
                ends = consumer.end_offsets(assigned)
                found: list[Record] = []
                give_up = time.monotonic() + (self._seconds if seconds is None else seconds)
                while time.monotonic() < give_up:
                    at_end = all(consumer.position(partition) >= ends[partition] for partition in assigned)
                    if (at_end and until is None) or (until is not None and len(found) >= until):
                        break
                    found += read_records(consumer.poll(timeout_ms=100))
            finally:
                close_all([consumer.close])
        return sorted(found, key=lambda record: (record.partition, record.offset))

    @with_timeout
    def browse(
        self,
        topic: str,
        ranges: Mapping[int, tuple[int, int]],
        *,
        offset: int | None,
        limit: int,
        view: Callable[[Record], T],
    ) -> tuple[list[T], bool]:
        """Return what `view` makes of up to `limit` records, newest last, and whether all were read in BROWSE_SECONDS.

        `ranges` has the offset ranges of the partitions to read: from `offset` on in each, or the newest records where
        it is None. Only the views are kept of the records, which may be large.
        """
        from kafka import TopicPartition

        if not ranges:
            return [], True
        wanted = [TopicPartition(topic, number) for number in ranges]
        found: list[tuple[tuple[int, int, int], T]] = []
        counts: Counter[int] = Counter()
        with map_errors(f"read {topic}"), self._reader_at(wanted) as reader:
            for partition in wanted:
                first, end = ranges[partition.partition]
                start = max(first, end - limit) if offset is None else max(first, offset)
                reader.seek(partition, min(start, end))

            def complete() -> bool:
                return all(
                    counts[partition.partition] >= limit or reader.position(partition) >= ranges[partition.partition][1]
                    for partition in wanted
                )

            give_up = time.monotonic() + BROWSE_SECONDS
            while not (done := complete()) and time.monotonic() < give_up:
                for record in read_records(reader.poll(timeout_ms=100)):
                    counts[record.partition] += 1
                    # across partitions only the timestamp orders records
                    found.append(((record.timestamp or 0, record.partition, record.offset), view(record)))
        found.sort(key=itemgetter(0))
        return [viewed for _order, viewed in (found[-limit:] if offset is None else found[:limit])], done

    @with_timeout
    def offsets_at(self, topic: str, partitions: Collection[int], timestamp: int) -> dict[int, int | None]:
        """Return the first offset in each partition whose record is not before `timestamp`; None where there is none.

        The timestamp is in milliseconds since 1970.
        """
        from kafka import TopicPartition

        wanted = [TopicPartition(topic, number) for number in partitions]
        if not wanted:
            return {}
        with map_errors(f"find a time in {topic}"), self._reader_at(wanted) as reader:
            found = reader.offsets_for_times(dict.fromkeys(wanted, timestamp))
        return {place.partition: None if at is None else at.offset for place, at in found.items()}

    @contextlib.contextmanager
    def _reader_at(self, partitions: Sequence[Any]) -> Iterator[Any]:
        """Yield the consumer without a group, to one caller at a time."""
        with self._reading:
            reader = self._reader
            if reader is None:
                # checksums take 0.1 s a MB in Python; the broker has verified them
                reader = self._reader = self._open_consumer(group_id=None, check_crcs=False)
            reader.assign(list(partitions))
            yield reader

    @with_timeout
    def member(self, topic: str, group: str) -> GroupConsumer:
        """Return a new member of the consumer group `group`, subscribed to `topic`."""
        with map_errors(f"group {group}"):
            # a member joins at a heartbeat: 3.1 s with the default, 0.65 s with 500
            consumer = self._open_consumer(topic, group_id=group, enable_auto_commit=False, heartbeat_interval_ms=50)
            # kafka-python joins without knowing the partitions and has to join again. If its poll ends meanwhile, it
            # never joins again and never reads anything.
            try:
                self._partition_numbers(consumer, topic)
            except BaseException:
                close_all([functools.partial(consumer.close, autocommit=False)])
                raise
        return GroupConsumer(consumer, group, self._seconds)

    def _open_consumer(self, *topics: str, **options: Any) -> Any:
        """A consumer that reads from the beginning and takes what others wrote within bounds."""
        from kafka import KafkaConsumer

        return limit_batches(
            open_client(
                KafkaConsumer,
                *topics,
                **self._client_settings,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=FETCH_MILLISECONDS,
                fetch_max_bytes=FETCH_BYTES,
                receive_message_max_bytes=RESPONSE_BYTES,
                **options,
            )
        )

    def _partition_numbers(self, consumer: Any, topic: str) -> set[int]:
        numbers: set[int] | None = consumer.partitions_for_topic(topic)
        if not numbers:
            raise KafkaFailed(f"read {topic}: there is no such topic")
        return numbers
