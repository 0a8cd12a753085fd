"""Reading many records of one topic, as fast as Kafka sends them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.librdkafka.library import (
    POLL_SECONDS,
    STALL_SECONDS,
    Settings,
    load_library,
    open_consumer,
    with_trouble,
)
from labctl.records.record import RecordData

BATCH = 2000  # records


class BulkReader:
    """Reads records of one topic that are committed, without a group. Each method raises KafkaFailed."""

    def __init__(self, consumer: Any, topic: str, trouble: list[str]) -> None:
        self._consumer, self._topic, self._trouble = consumer, topic, trouble
        self._library = load_library()

    def read(self, partition: int, start: int, end: int) -> Iterator[list[RecordData]]:
        """Yield the records of a partition from offset `start` to before `end`, in batches.

        It comes no further than the first transaction that is open, and waits for its end, STALL_SECONDS at most.
        """
        if start >= end:
            return
        self._assign({partition: start})
        give_up = time.monotonic() + STALL_SECONDS
        reached = start
        while True:
            messages, ends = self._poll()
            reached = max([reached, *ends, *(message.offset() + 1 for message in messages)])
            if wanted := [message for message in messages if message.offset() < end]:
                yield list(map(_data, wanted))
                give_up = time.monotonic() + STALL_SECONDS
            if reached >= end:
                return
            if time.monotonic() > give_up:
                where = f"partition {partition} from offset {reached} on"
                raise self._failed(f"{where} was not readable for {STALL_SECONDS} s: is a transaction open?")

    def follow(self, starts: Mapping[int, int]) -> Iterator[list[RecordData]]:
        """Yield the records of the partitions from the offsets `starts` on, as they arrive, without an end."""
        self._assign(starts)
        while True:
            messages, _ends = self._poll()
            yield list(map(_data, messages))

    def offsets_at(self, timestamp: int, partitions: Iterable[int]) -> dict[int, int | None]:
        """Return the first offset at or after a time in milliseconds since 1970; None where there is no such record."""
        wanted = [self._library.TopicPartition(self._topic, number, timestamp) for number in partitions]
        with self._errors():
            found = self._consumer.offsets_for_times(wanted, STALL_SECONDS)
        for place in found:
            if place.error:
                raise self._failed(f"partition {place.partition}: {place.error.str()}")
        return {place.partition: place.offset if place.offset >= 0 else None for place in found}

    def _assign(self, starts: Mapping[int, int]) -> None:
        places = [self._library.TopicPartition(self._topic, number, start) for number, start in starts.items()]
        with self._errors():
            self._consumer.assign(places)

    def _poll(self) -> tuple[list[Any], list[int]]:
        """The messages that arrived, and the offsets at which nothing more is readable now."""
        with self._errors():
            messages = self._consumer.consume(BATCH, POLL_SECONDS)
        records = [message for message in messages if not message.error()]
        end = self._library.KafkaError._PARTITION_EOF  # noqa: SLF001 - the name that its documentation has
        others = [message for message in messages if message.error()]
        for error in (message.error() for message in others):
            if error.code() != end and not error.retriable():
                raise self._failed(error.str())
        return records, [message.offset() for message in others if message.error().code() == end]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._library.KafkaException as error:
            raise self._failed(error.args[0].str()) from error

    def _failed(self, why: str) -> KafkaFailed:
        return KafkaFailed(f"read {self._topic}: {with_trouble(why, self._trouble)}")


@contextlib.contextmanager
def open_reader(settings: Settings, topic: str) -> Iterator[BulkReader]:
    """Open a reader of a topic for the block. Raises HostError where confluent-kafka is not installed."""
    trouble: list[str] = []
    consumer = open_consumer(settings, trouble)
    try:
        yield BulkReader(consumer, topic, trouble)
    finally:
        consumer.close()


def _data(message: Any) -> RecordData:
    kind, timestamp = message.timestamp()
    return RecordData(
        message.value(),
        message.key(),
        tuple(message.headers() or ()),
        timestamp if kind else None,
        message.partition(),
    )
