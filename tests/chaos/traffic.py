"""A writer and a reader that are not labctl's: librdkafka's, through confluent-kafka, while a lab is attacked.

A librdkafka client that asks a broker for metadata while it ends, and learns that there are no brokers, forgets those
that it had, and never connects again (issue 5301 of librdkafka, open in 2.16). It is started again, as its user would,
at the end too: the last writer has its records acknowledged, or that is a fault.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from labctl.drills.accounts import Balance, balance, total

TOPIC = "accounted"
PARTITIONS = 3
RECORDS_PER_SECOND = 900
BURST = 30  # records that are written together
LAST_SECONDS = 120.0  # for the records that are under way at the end, and for the reader to catch up
WRITER = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 600_000,  # a record is never given up while the lab is down
    "linger.ms": 5,
    "reconnect.backoff.max.ms": 500,
}
READER = {
    "group.id": "accounted",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",  # a log that is shorter than it was is a fault, not a place to begin again
    "reconnect.backoff.max.ms": 500,
    "statistics.interval.ms": 1000,  # librdkafka's own word on where a reader that stands still is
}
LOG = {"log_level": 7, "debug": "metadata"}
MOST_AGAIN = 30  # clients of one season; in an hour of 55 labs there were 7
NO_BROKERS = ": 0 brokers, "  # in what librdkafka logs of a response


class WithoutBrokers(logging.Logger):
    """A log of librdkafka, and whether it has learned that there are no brokers."""

    def __init__(self) -> None:
        super().__init__("librdkafka")
        self.learned = False

    def handle(self, record: logging.LogRecord) -> None:
        """Look for the response."""
        self.learned |= NO_BROKERS in record.getMessage()


class Traffic:
    """Writes numbered records to each partition, and reads all, until it ends. `login` are librdkafka's settings."""

    def __init__(self, login: dict[str, str]) -> None:
        self.errors: list[str] = []
        self._forgot: list[float] = []  # when a client had forgotten all brokers
        self._login = login
        self._acknowledged: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self._read: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self._next = [OFFSET_BEGINNING] * PARTITIONS
        self._statistics = '{"topics": {}}'
        self._ending = threading.Event()
        self._written = threading.Event()
        self._threads = [threading.Thread(target=self._kept, args=(work,)) for work in (self._write, self._follow)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    @property
    def started_again(self) -> int:
        """How many clients had forgotten all brokers."""
        return len(self._forgot)

    def balance(self) -> Balance:
        """Return what became of all records, as a new reader finds them. Call it after the end, while the lab runs."""
        found = [self._read_again(partition) for partition in range(PARTITIONS)]
        return total([balance(*pair) for pair in zip(self._acknowledged, found, strict=True)])

    def followed(self) -> Balance:
        """Return the balance of the reader that followed the writer during the attacks. Call it after the end."""
        return total([balance(*pair) for pair in zip(self._acknowledged, self._read, strict=True)])

    def _read_again(self, partition: int) -> list[int]:
        consumer = Consumer(self._login | READER | {"log_level": 0})
        found = []
        try:
            _first, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=30)
            consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING)])
            give_up = time.monotonic() + LAST_SECONDS
            while len(found) < end and time.monotonic() < give_up:
                found += [int(message.value() or b"") for message in consumer.consume(1000, 1.0) if not message.error()]
        finally:
            consumer.close()
        return found

    def _kept(self, work: Callable[[], None]) -> None:
        """Do the work of a thread; what ends it early is a fault of the run."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - any that a client raises
            self.errors.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def _write(self) -> None:
        number, done = 0, False
        try:
            while not done:
                number, done = self._write_by_one(number)
                self._count_again(done)
        finally:
            self._written.set()

    def _count_again(self, done: bool) -> None:
        """Count a client that was not `done`. Raises TimeoutError where there are too many: that is the lab's fault."""
        if not done:
            self._forgot.append(time.monotonic())
        if len(self._forgot) > MOST_AGAIN:
            raise TimeoutError(f"{MOST_AGAIN} clients learned that there are no brokers")

    def _write_by_one(self, number: int) -> tuple[int, bool]:
        """Write from `number` on with one producer, a burst at least. Return the next number, and whether that is all.

        It is not where the producer has no brokers: what it still had is given up.
        """
        log = WithoutBrokers()
        producer = Producer(self._login | WRITER | LOG, logger=log)
        while True:
            for _ in range(BURST // PARTITIONS):
                for partition in range(PARTITIONS):
                    self._send(producer, log, partition, number)
                number += 1
            producer.poll(0)
            if self._ending.wait(BURST / RECORDS_PER_SECOND) or log.learned:
                break
        give_up = time.monotonic() + LAST_SECONDS
        while (left := producer.flush(1.0)) and not log.learned:
            if time.monotonic() > give_up:
                self.errors.append(f"{left} records were not acknowledged within {LAST_SECONDS:.0f} s of the end")
                break
        producer.purge()
        producer.flush(1.0)
        return number, not log.learned

    def _send(self, producer: Producer, log: WithoutBrokers, partition: int, number: int) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._acknowledged[partition].append(number)
            elif error.code() not in {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}:
                self.errors.append(f"not written: {error}")

        while not log.learned:
            try:
                producer.produce(TOPIC, str(number), partition=partition, on_delivery=delivered)
                break
            except BufferError:  # the lab has been down for long
                producer.poll(0.2)
                if self._ending.is_set():
                    break

    def _follow(self) -> None:
        done = False
        while not done:
            done = self._follow_by_one()
            self._count_again(done)

    def _follow_by_one(self) -> bool:
        """Read on with one consumer, and return whether that is done; it is not where the consumer has no brokers."""
        log = WithoutBrokers()
        consumer = Consumer(self._login | READER | LOG | {"stats_cb": self._keep_statistics}, logger=log)
        consumer.assign([TopicPartition(TOPIC, number, offset) for number, offset in enumerate(self._next)])
        with contextlib.closing(consumer):
            while not self._written.is_set():
                self._keep(consumer.consume(1000, 0.5))
                if log.learned:
                    return False
            give_up = time.monotonic() + LAST_SECONDS
            while not self._caught_up():
                self._keep(consumer.consume(1000, 0.5))
                if log.learned:
                    return False
                if time.monotonic() > give_up:
                    self.errors.append(
                        f"the reader stood still {LAST_SECONDS:.0f} s after the end: {self._partitions()}"
                    )
                    return True
            self._keep(consumer.consume(1000, 2.0))  # records of another attempt would come after the last
        return True

    def _caught_up(self) -> bool:
        """Whether the last record that Kafka acknowledged was read, or one after it whose response was lost."""
        pairs = zip(self._acknowledged, self._read, strict=True)
        return all(not sent or max(got[-1:], default=-1) >= sent[-1] for sent, got in pairs)

    def _keep_statistics(self, statistics: str) -> None:
        self._statistics = statistics

    def _partitions(self) -> str:
        """Return where librdkafka is in each partition (STATISTICS.md of librdkafka names the fields)."""
        topics = json.loads(self._statistics)["topics"]
        names = ("leader", "broker", "fetch_state", "next_offset", "hi_offset", "ls_offset")
        found = topics.get(TOPIC, {}).get("partitions", {})
        return "; ".join(
            f"{TOPIC}-{number} " + ", ".join(f"{name} {each.get(name)}" for name in names)
            for number, each in found.items()
            if number != "-1"
        )

    def _keep(self, messages: list[Any]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._read[message.partition()].append(int(message.value()))
                self._next[message.partition()] = message.offset() + 1
            elif error.code() not in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE}:
                self.errors.append(f"not read: {error}")
