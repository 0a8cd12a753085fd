"""Writing many records, as fast as Kafka accepts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.librdkafka.library import POLL_SECONDS, Settings, load_library, open_producer, with_trouble
from labctl.records.record import RecordData

LINGER_MILLISECONDS = 20  # larger batches
REPORT_EVERY = 1000  # records

Outcome = Callable[[Any, Any], None]  # receives KafkaError (None: acknowledged) and the message


class WriteFailed(KafkaFailed):
    """A record was not written: its number, why, and how many others are acknowledged."""

    def __init__(self, number: int, reason: str, written: int) -> None:
        super().__init__(f"record {number} can't be written: {reason}")
        self.number, self.reason, self.written = number, reason, written


def write_records(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[int, RecordData]],
    report: Callable[[int], None] = lambda _done: None,
) -> int:
    """Write numbered records with acks=all, each exactly once, in order in each partition. Return how many.

    `report` receives now and then how many are acknowledged. Raises WriteFailed for the first record that could not be
    written; HostError where confluent-kafka is not installed.
    """
    failed: list[tuple[int, str]] = []
    trouble: list[str] = []

    def lost(number: int, error: Any, _message: Any) -> None:
        failed.append((number, error.str()))

    options = {"linger.ms": LINGER_MILLISECONDS, "delivery.report.only.error": True}
    producer = open_producer(settings, trouble, **options)
    sent = 0
    try:
        for number, record in records:
            send(producer, topic, record, partial(lost, number))
            sent += 1
            if sent % REPORT_EVERY == 0:
                producer.poll(0)
                report(sent - len(producer))
            if failed:
                break
        while len(producer) and not failed:
            producer.flush(POLL_SECONDS)
            report(sent - len(producer))
    finally:
        stopped = list(failed)
        drop_unsent(producer)
    if stopped:
        number, why = min(stopped)
        raise WriteFailed(number, with_trouble(why, trouble), sent - len(failed))
    return sent


def send(producer: Any, topic: str, record: RecordData, done: Outcome) -> None:
    """Give a record to the producer; wait while its queue is full: what it can't write leaves the queue in time."""
    partition = {} if record.partition is None else {"partition": record.partition}
    stamp = {} if record.timestamp is None else {"timestamp": record.timestamp}
    headers = {"headers": list(record.headers)} if record.headers else {}
    while True:
        try:
            producer.produce(topic, record.value, record.key, on_delivery=done, **partition, **stamp, **headers)
        except BufferError:
            producer.poll(POLL_SECONDS)
        except load_library().KafkaException as error:  # it is larger than librdkafka accepts, for example
            done(error.args[0], None)
            return
        else:
            return


def drop_unsent(producer: Any) -> None:
    """Drop what Kafka has not acknowledged: the process must not wait for it."""
    producer.purge()
    producer.flush(POLL_SECONDS)
