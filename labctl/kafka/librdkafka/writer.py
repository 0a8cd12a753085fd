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
BESIDE_INVALID = "_INVALID_DIFFERENT_RECORD"  # the error of records that were in one batch with a refused one

Outcome = Callable[[Any, Any], None]  # receives KafkaError (None: acknowledged) and the message


class WriteFailed(KafkaFailed):
    """A record was not written: its place, why, and how many others are acknowledged at least.

    The place is its number. It is `FIRST to LAST` where Kafka refused a batch, and did not say for which record.
    """

    def __init__(self, place: str, reason: str, written: int) -> None:
        super().__init__(f"record {place} can't be written: {reason}")
        self.place, self.reason, self.written = place, reason, written


def write_records(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[int, RecordData]],
    report: Callable[[int], None] = lambda _done: None,
) -> int:
    """Write numbered records with acks=all, each exactly once, in order in each partition. Return how many.

    `report` receives now and then how many are acknowledged. Raises WriteFailed for the first records that could not be
    written; HostError where confluent-kafka is not installed.
    """
    failed: list[tuple[bool, int, str]] = []
    trouble: list[str] = []

    def lost(number: int, error: Any, _message: Any) -> None:
        failed.append((error.name() == BESIDE_INVALID, number, error.str()))

    options = {"linger.ms": LINGER_MILLISECONDS, "delivery.report.only.error": True}
    producer = open_producer(settings, trouble, **options)
    sent = 0
    try:
        for number, record in records:
            send(producer, topic, record, partial(lost, number))
            sent += 1
            producer.poll(0)
            if sent % REPORT_EVERY == 0:
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
        beside, first, why = min(stopped)
        last = max(number for is_beside, number, _why in stopped if is_beside == beside)
        place = f"{first}" if first == last else f"{first} to {last}"
        raise WriteFailed(place, with_trouble(why, trouble), sent - len(failed) - len(producer))
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
