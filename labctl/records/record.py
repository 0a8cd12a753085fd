"""The data of a record, as files and lab.yaml have it."""

from __future__ import annotations

from typing import NamedTuple

Header = tuple[str, bytes | None]


class RecordData(NamedTuple):
    """What a program writes into a record: all but its offset. A file has a million of them: hence a tuple."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()
    timestamp: int | None = None  # milliseconds since 1970; None: when it is written
    partition: int | None = None  # None: by the key, as Kafka's own producer chooses it


class RecordProblem(ValueError):
    """What is wrong in the text of a record."""


Numbered = tuple[int, RecordData | RecordProblem]  # the number of a line, and its record or what is wrong in it
