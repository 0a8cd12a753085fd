"""Writing a file of records into a topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labctl.errors import KafkaFailed, SpecError
from labctl.kafka.librdkafka.writer import WriteFailed, write_records
from labctl.records.file import FileRules, count_records, open_record_file, read_records
from labctl.records.record import RecordData


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """A topic, what it requires of records, and librdkafka's settings to reach it."""

    topic: str
    rules: FileRules
    settings: Mapping[str, str]
    expired: int = 0  # milliseconds since 1970: Kafka deletes records with an older timestamp


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many records were written, in how many seconds, and how many of them Kafka deletes again."""

    records: int
    seconds: float
    expired: int = 0


def load_file(target: LoadTarget, path: Path, form: str, report: Callable[[int, int | None], None]) -> Loaded:
    """Write the records of a file, and return how many; `report` receives how many of how many are acknowledged.

    The whole file is read first: where something is wrong in it, nothing is written. Raises SpecError, KafkaFailed;
    HostError where confluent-kafka is not installed.
    """
    with open_record_file(path) as file:
        return load_opened(target, file, str(path), form, report)


def load_opened(
    target: LoadTarget,
    file: BinaryIO,
    name: str,
    form: str,
    report: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> Loaded:
    """Write the records of an open file called `name`, and return how many: see `load_file`.

    Raises SpecError, KafkaFailed, HostError.
    """
    total = count_records(file, name, form, target.rules)
    file.seek(0)
    return load_stream(target, file, name, form, lambda done: report(done, total))


def load_stream(target: LoadTarget, file: BinaryIO, name: str, form: str, report: Callable[[int], None]) -> Loaded:
    """Write the records of an open file called `name` until its end, and return how many.

    `report` receives how many are acknowledged. Raises SpecError where a line is wrong, when those before it are
    written; KafkaFailed, HostError as `load_file`.
    """
    began = time.monotonic()
    wrong: list[SpecError] = []
    expired = 0

    def records() -> Iterator[tuple[int, RecordData]]:
        nonlocal expired
        try:
            for line, record in read_records(file, name, form, target.rules):
                expired += record.timestamp is not None and record.timestamp < target.expired
                yield line, record
        except SpecError as error:
            wrong.append(error)

    try:
        written = write_records(target.settings, target.topic, records(), report)
    except WriteFailed as failed:
        raise KafkaFailed(
            f"{name}:{failed.place}: can't be written to {target.topic}: {failed.reason}; "
            f"other records that were written: {failed.written:,}"
        ) from None
    for error in wrong:
        raise SpecError([*error.problems, f"{name}: records before it that were written: {written:,}"])
    return Loaded(written, time.monotonic() - began, expired)
