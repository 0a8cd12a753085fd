"""A member of a consumer group."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from labctl.errors import KafkaFailed
from labctl.kafka_client.border import close_all, translated
from labctl.kafka_client.values import Record
from labctl.parallel import in_time

T = TypeVar("T")

POLL_SECONDS = 10.0  # a member whose poll ends while it joins forgets to go on: a poll outlasts any join


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
        close_all([functools.partial(self._consumer.close, autocommit=False)])

    def poll(self, seconds: float = POLL_SECONDS) -> list[Record]:
        """The records that came, as soon as there is one; none after `seconds`.

        One whose time runs out while the member joins or is given partitions anew may leave it without any for ever.
        """
        return read_records(self._asked(lambda: self._consumer.poll(timeout_ms=int(seconds * 1000)), seconds))

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
        with translated(self._what):
            try:
                return in_time(question, seconds + self._seconds)
            except TimeoutError:
                raise KafkaFailed(f"{self._what}: no answer within {seconds + self._seconds:.0f} s") from None


def read_records(polled: Mapping[Any, Sequence[Any]]) -> list[Record]:
    """What a poll gave, partition by partition."""
    return [
        Record(one.partition, one.offset, one.key, one.value, one.timestamp)
        for batch in polled.values()
        for one in batch
    ]
