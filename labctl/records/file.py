"""Reading a file of records, in bounds: its lines, its records, and everything that is wrong in it."""

from __future__ import annotations

import contextlib
import os
import stat
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from labctl.errors import SpecError
from labctl.records.formats import RECORD_FORMATS
from labctl.records.record import Numbered, RecordData, RecordProblem
from labctl.records.topic_rules import ANY_TOPIC, TopicRules

LONGEST_LINE = 100_000_000  # bytes; a broker accepts records of 1 MB by default
MOST_REPORTED = 50  # problems


@contextlib.contextmanager
def open_seed_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file of seed records for the block; its path was resolved when lab.yaml was read. Raises SpecError.

    A link that is there since then may lead to any file of the user.
    """
    if path.resolve() != path:
        raise SpecError([f"{path}: can't be read: it is a link, and was none before"], "labctl up reads lab.yaml again")
    with open_record_file(path) as file:
        yield file


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
    file: BinaryIO, name: str, form: str, rules: TopicRules = ANY_TOPIC
) -> Iterator[tuple[int, RecordData]]:
    """Yield (line, record) of an open file in the format `form`; `rules` are those of the topic.

    Raises SpecError at the first thing that is wrong, `NAME:LINE: what`.
    """
    for line, record in _read(file, name, form, rules):
        if isinstance(record, RecordProblem):
            raise SpecError([f"{name}:{line}: {record}"])
        yield line, record


def count_records(file: BinaryIO, name: str, form: str, rules: TopicRules = ANY_TOPIC) -> int:
    """Return how many records a file has. Raises SpecError with everything that is wrong in it, `NAME:LINE: what`."""
    count = wrong = 0
    problems: list[str] = []
    for line, record in _read(file, name, form, rules):
        count += 1
        if isinstance(record, RecordProblem):
            wrong += 1
            if wrong <= MOST_REPORTED:
                problems.append(f"{name}:{line}: {record}")
    if wrong > MOST_REPORTED:
        problems.append(f"{name}: and {wrong - MOST_REPORTED} more problems")
    if problems:
        raise SpecError(problems)
    return count


def _read(file: BinaryIO, name: str, form: str, rules: TopicRules) -> Iterator[Numbered]:
    for line, record in RECORD_FORMATS[form](_lines(file, name)):
        problem = "" if isinstance(record, RecordProblem) else rules.problem(record)
        yield line, RecordProblem(problem) if problem else record


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines, each with its end. A mark of UTF-8 before the first, as programs of Windows write it, is left out."""
    read = partial(file.readline, LONGEST_LINE + 1)
    line = read().removeprefix(BOM_UTF8)
    while line:
        if len(line) > LONGEST_LINE:
            raise SpecError([f"{name}: has a line of more than {LONGEST_LINE:,} bytes"])
        yield line
        line = read()
