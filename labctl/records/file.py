"""Reading a file of records, in bounds: its lines, its records, and everything that is wrong in it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from labctl.errors import SpecError
from labctl.records.formats import RECORD_FORMATS
from labctl.records.record import Numbered, RecordData, RecordProblem

LONGEST_LINE = 100_000_000  # bytes; a broker accepts records of 1 MB by default
MOST_REPORTED = 50  # problems


@contextlib.contextmanager
def open_record_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file of records for the block.

    Raises SpecError where it can't be read, or is a folder, a pipe or a device: the last has no end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SpecError([f"{path}: can't be read: {error.strerror}"]) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SpecError([f"{path}: can't be read: it is no file"], "name - to read from standard input")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_records(
    file: BinaryIO, name: str, form: str, partitions: int | None = None
) -> Iterator[tuple[int, RecordData]]:
    """Yield (line, record) of an open file in the format `form`; `partitions` is how many the topic has.

    Raises SpecError at the first thing that is wrong, `NAME:LINE: what`.
    """
    for line, record in _read(file, name, form, partitions):
        if isinstance(record, RecordProblem):
            raise SpecError([f"{name}:{line}: {record}"])
        yield line, record


def count_records(file: BinaryIO, name: str, form: str, partitions: int | None = None) -> int:
    """Return how many records a file has. Raises SpecError with everything that is wrong in it, `NAME:LINE: what`."""
    count = more = 0
    problems: list[str] = []
    for line, record in _read(file, name, form, partitions):
        count += 1
        if isinstance(record, RecordProblem):
            more += len(problems) == MOST_REPORTED
            problems += [f"{name}:{line}: {record}"] * (len(problems) < MOST_REPORTED)
    if problems:
        raise SpecError(problems + [f"{name}: and {more} more problems"] * bool(more))
    return count


def _read(file: BinaryIO, name: str, form: str, partitions: int | None) -> Iterator[Numbered]:
    for line, record in RECORD_FORMATS[form](_lines(file, name)):
        place = None if isinstance(record, RecordProblem) else record.partition
        if partitions is not None and place is not None and place >= partitions:
            yield line, RecordProblem(f"partition {place}: the topic has {partitions}, from 0 to {partitions - 1}")
        else:
            yield line, record


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    for line in iter(partial(file.readline, LONGEST_LINE + 1), b""):
        if len(line) > LONGEST_LINE:
            raise SpecError([f"{name}: has a line of more than {LONGEST_LINE:,} bytes"])
        yield line
