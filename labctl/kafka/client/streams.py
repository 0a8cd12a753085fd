"""A writer and a reader that go on while brokers end and start: records are not waited for one by one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from labctl.kafka.client.adapter import close_all, end_producer, map_errors, open_client
from labctl.kafka.client.connection import Connection
from labctl.kafka.client.group_consumer import read_records
from labctl.kafka.client.types import Record

# A broker that is cut off is noticed when a request has no response for so long. Java's producer waits 30 s.
REQUEST_MILLISECONDS = 3000
DELIVERY_MILLISECONDS = 120_000
BLOCK_MILLISECONDS = 60_000
POLL_MILLISECONDS = 100


class RecordWriter:
    """Writes to one topic. Use it in one thread; `written` is called in another."""

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer, self._topic = producer, topic

    def send(self, partition: int, value: bytes, written: Callable[[str], None]) -> None:
        """Send a record; `written` receives "" as soon as it is acknowledged, or the name of the error."""

        def failed(error: BaseException) -> None:
            written(type(error).__name__)

        try:
            future = self._producer.send(self._topic, value=value, partition=partition)
        except Exception as error:  # noqa: BLE001 - whatever kafka-python raises: the record was not written
            failed(error)
            return
        future.add_callback(lambda _metadata: written(""))
        future.add_errback(failed)

    def flush(self, seconds: float) -> None:
        """Wait until the outcome of each record is known, `seconds` at most."""
        with contextlib.suppress(Exception):
            self._producer.flush(timeout=seconds)

    def close(self) -> None:
        """Close the connections; what is not written then is dropped."""
        close_all([functools.partial(end_producer, self._producer)])


class RecordReader:
    """Reads all partitions of one topic from the beginning, without a group. Use it in one thread."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def poll(self) -> list[Record]:
        """Return the records that arrived, after 0.1 s at most. Raises KafkaFailed."""
        with map_errors("read"):
            return read_records(self._consumer.poll(timeout_ms=POLL_MILLISECONDS))

    def close(self) -> None:
        """Close the connections."""
        close_all([self._consumer.close])


class Streams(Connection):
    """The methods that open writers and readers. Each raises KafkaFailed."""

    def open_writer(self, topic: str, acks: str) -> RecordWriter:
        """Return a writer; with `acks` all it is idempotent: a record that is sent twice is there once."""
        from kafka import KafkaProducer

        settings: dict[str, Any] = {
            "acks": "all" if acks == "all" else int(acks),
            "enable_idempotence": acks == "all",
            "request_timeout_ms": REQUEST_MILLISECONDS,
            "delivery_timeout_ms": DELIVERY_MILLISECONDS,
            "max_block_ms": BLOCK_MILLISECONDS,
        }
        with map_errors(f"write to {topic}"):
            return RecordWriter(KafkaProducer(**self._client_settings | settings), topic)

    def open_reader(self, topic: str, partitions: int) -> RecordReader:
        """Return a reader of the partitions 0 to `partitions` - 1."""
        from kafka import KafkaConsumer, TopicPartition

        with map_errors(f"read {topic}"):
            consumer = open_client(
                KafkaConsumer,
                **self._client_settings | {"request_timeout_ms": REQUEST_MILLISECONDS},
                group_id=None,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=20,
            )
            assigned = [TopicPartition(topic, number) for number in range(partitions)]
            consumer.assign(assigned)
            consumer.seek_to_beginning(*assigned)
        return RecordReader(consumer)
