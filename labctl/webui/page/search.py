"""Looking for records in a topic, from the newest back or from an offset on, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from labctl.kafka.client import KafkaClient, Record

T = TypeVar("T")
Ranges = Mapping[int, tuple[int, int]]  # of the partitions: first offset, and the offset after the last

SECONDS = 3.0
STEP = 2000  # offsets of all partitions in one step


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What was found, in the order of the search; how many offsets were examined of how many."""

    records: list[T]
    examined: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether all of them were examined."""
        return self.examined >= self.total


class _TooLate(Exception):
    """The time of a search has passed."""


def search(
    client: KafkaClient,
    topic: str,
    ranges: Ranges,
    *,
    newest: bool,
    count: int,
    view: Callable[[Record], T | None],
) -> Found[T]:
    """Return up to `count` of what `view` makes of records, without None: `newest` first, or from the beginning on.

    It ends after SECONDS, and says how far it came. Raises KafkaFailed.
    """
    left = {number: span for number, span in ranges.items() if span[0] < span[1]}
    total = sum(end - first for first, end in left.values())
    found: list[T] = []
    examined = 0
    give_up = time.monotonic() + SECONDS
    while left and len(found) < count and time.monotonic() < give_up:
        size = max(1, STEP // len(left))
        window = {
            number: (max(first, end - size), end) if newest else (first, min(end, first + size))
            for number, (first, end) in left.items()
        }

        def inside(record: Record, window: Ranges = window) -> T | None:
            first, end = window[record.partition]
            if time.monotonic() > give_up:
                raise _TooLate
            return view(record) if first <= record.offset < end else None

        try:
            viewed, complete = client.browse(topic, window, offset=0, limit=STEP * len(left), view=inside)
        except _TooLate:
            break
        kept = [each for each in viewed if each is not None]
        found += (kept[::-1] if newest else kept)[: count - len(found)]
        if not complete:
            break
        examined += sum(end - first for first, end in window.values())
        left = {
            number: (first, window[number][0]) if newest else (window[number][1], end)
            for number, (first, end) in left.items()
        }
        left = {number: span for number, span in left.items() if span[0] < span[1]}
    return Found(found[:count], examined, total)
