"""Writing a file of records into a topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from labctl.errors import KafkaFailed, SpecError
from labctl.kafka.librdkafka.writer import WriteFailed, write_records
from labctl.lab.topic_access import TopicAccess
from labctl.records.file import count_records, read_records
from labctl.records.record import RecordData


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many records were written, in how many seconds, and how many of them Kafka deletes again."""

    records: int
    seconds: float
    expired: int


def load_file(
    topic: TopicAccess,
    file: BinaryIO,
    name: str,
    form: str,
    report: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> Loaded:
    """Write the records of an open file called `name`, and return how many.

    `report` receives how many of how many are acknowledged. The whole file is read first: where something is wrong in
    it, nothing is written. Raises SpecError, KafkaFailed; HostError where confluent-kafka is not installed.
    """
    total = count_records(file, name, form, topic.rules)
    file.seek(0)
    return load_stream(topic, file, name, form, lambda done: report(done, total))


def load_stream(topic: TopicAccess, file: BinaryIO, name: str, form: str, report: Callable[[int], None]) -> Loaded:
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
            for line, record in read_records(file, name, form, topic.rules):
                expired += topic.deletes(record)
                yield line, record
        except SpecError as error:
            wrong.append(error)

    try:
        written = write_records(topic.settings, topic.name, records(), report)
    except WriteFailed as failed:
        raise KafkaFailed(
            f"{name}:{failed.place}: can't be written to {topic.name}: {failed.reason}; "
            f"other records that were written: {failed.written:,}"
        ) from None
    for error in wrong:
        raise SpecError([*error.problems, f"{name}: records before it that were written: {written:,}"])
    return Loaded(written, time.monotonic() - began, expired)
