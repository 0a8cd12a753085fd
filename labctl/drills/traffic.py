"""Records that are written and read while a drill breaks something, and what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from labctl.drills.accounts import Balance, balance, total
from labctl.errors import KafkaFailed
from labctl.kafka.client import GroupConsumer, KafkaClient

RECORDS_PER_SECOND = 300
PAUSE_SECONDS = 0.02
MOST_UNDER_WAY = 3000  # ten seconds of records: then the writer waits
LAST_SECONDS = 60.0  # for the outcome of the last records, and for the reader to catch up
LAST_RECORDS = 10  # of a reader: the last one may be an older record that is there twice
MEMBER_SECONDS = 15.0  # without a record: kafka-python may leave a member without partitions forever


class Traffic:
    """Writes numbered records to each partition of a topic, reads them, and has a group that commits, until it ends.

    The moments are on the monotonic clock: of acknowledged records, of read records, of commits. `failed` has the
    requests that failed, by the name of their error.
    """

    def __init__(self, client: KafkaClient, topic: str, partitions: int, group: str, acks: str) -> None:
        self._client, self._topic, self._partitions, self._group = client, topic, partitions, group
        self._acks = acks
        self._acknowledged: list[list[int]] = [[] for _ in range(partitions)]
        self._read: list[list[int]] = [[] for _ in range(partitions)]
        self._sent = self._given_up = 0
        self._ending, self._written = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._kept, args=(work,), daemon=True)
            for work in (self._write, self._follow, self._commit)
        ]
        self.writes: list[float] = []
        self.reads: list[float] = []
        self.commits: list[float] = []
        self.failed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._ending.set()
        if kind is None:
            give_up = time.monotonic() + 2 * LAST_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, give_up - time.monotonic()))

    def acknowledged(self) -> list[int]:
        """Return how many records of each partition are acknowledged."""
        return [len(numbers) for numbers in self._acknowledged]

    def balance(self) -> Balance:
        """Return what became of all records, as a new reader finds them. Call it after the end. Raises KafkaFailed."""
        found: list[list[int]] = [[] for _ in range(self._partitions)]
        for record in self._client.read(self._topic, partitions=self._partitions, seconds=LAST_SECONDS):
            found[record.partition].append(int(record.value or b""))
        return total([balance(*pair) for pair in zip(self._acknowledged, found, strict=True)])

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except KafkaFailed as error:
            self.failed[f"{work.__name__.strip('_')}: {error.message}"] += 1

    # -- writing -----------------------------------------------------------

    def _write(self) -> None:
        writer = self._client.open_writer(self._topic, self._acks)
        each = max(1, round(RECORDS_PER_SECOND * PAUSE_SECONDS / self._partitions))
        number = 0
        try:
            while not self._ending.wait(PAUSE_SECONDS):
                if self._sent - self._given_up - len(self.writes) > MOST_UNDER_WAY:
                    continue
                for _ in range(each):
                    for partition in range(self._partitions):
                        self._sent += 1
                        writer.send(partition, str(number).encode(), self._keeper(partition, number))
                    number += 1
            writer.flush(LAST_SECONDS)
        finally:
            self._written.set()
            writer.close()

    def _keeper(self, partition: int, number: int) -> Callable[[str], None]:
        def written(error: str) -> None:
            if error:
                self._given_up += 1
                self.failed[error] += 1
            else:
                self._acknowledged[partition].append(number)
                self.writes.append(time.monotonic())

        return written

    # -- reading -----------------------------------------------------------

    def _follow(self) -> None:
        reader = self._client.open_reader(self._topic, self._partitions)
        try:
            give_up = None
            while give_up is None or (time.monotonic() < give_up and not self._caught_up()):
                try:
                    records = reader.poll()
                except KafkaFailed as error:
                    self.failed[f"read: {error.message}"] += 1
                    continue
                now = time.monotonic()
                for record in records:
                    self._read[record.partition].append(int(record.value or b""))
                    self.reads.append(now)
                if give_up is None and self._written.is_set():
                    give_up = now + LAST_SECONDS
        finally:
            reader.close()

    def _caught_up(self) -> bool:
        """Whether the last record that Kafka acknowledged was read, or one after it whose response was lost."""
        pairs = zip(self._acknowledged, self._read, strict=True)
        return all(not sent or max(got[-LAST_RECORDS:], default=-1) >= sent[-1] for sent, got in pairs)

    # -- committing --------------------------------------------------------

    def _commit(self) -> None:
        while not self._ending.is_set():
            try:
                with self._client.member(self._topic, self._group) as member:
                    self._take_part(member)
            except KafkaFailed as error:
                self.failed[f"group: {error.message}"] += 1
                self._ending.wait(PAUSE_SECONDS)

    def _take_part(self, member: GroupConsumer) -> None:
        """Poll and commit, until the traffic ends, or nothing arrives any more."""
        idle_at = time.monotonic() + MEMBER_SECONDS
        while not self._ending.is_set() and time.monotonic() < idle_at:
            if member.poll() and member.commit():
                self.commits.append(time.monotonic())
                idle_at = time.monotonic() + MEMBER_SECONDS
