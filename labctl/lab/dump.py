"""Writing the records of a topic into a file, as JSON Lines."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping

from labctl.errors import Interrupted
from labctl.kafka.librdkafka.reader import BulkReader, open_reader
from labctl.lab.topic_access import TopicAccess
from labctl.records.json_lines import format_record
from labctl.records.position import Position
from labctl.records.record import RecordData

Report = Callable[[int, int | None], None]
Bounds = Mapping[int, tuple[int, int]]  # {partition: (first offset, offset after the last record)}


def dump(
    topic: TopicAccess, start: Position | None, end: Position | None, out: Callable[[bytes], object], report: Report
) -> int:
    """Write the records that are there now, partition by partition, and return how many.

    `start` is included, `end` is not. `report` receives how many of about how many are written. Raises KafkaFailed.
    """
    bounds = topic.offsets()
    with open_reader(topic.settings, topic.name) as reader:
        starts = _offsets(reader, bounds, start, 0)
        ends = _offsets(reader, bounds, end, 1)
        total = sum(max(0, ends[number] - starts[number]) for number in bounds)
        done = 0
        for number in sorted(bounds):
            for records in reader.read(number, starts[number], ends[number]):
                out(_lines(records))
                done += len(records)
                report(done, max(done, total))
        report(done, done)
    return done


def follow(topic: TopicAccess, start: Position | None, out: Callable[[bytes], object]) -> None:
    """Write the records from `start` on as they arrive, until Ctrl-C. Raises KafkaFailed."""
    with open_reader(topic.settings, topic.name) as reader:
        try:
            for records in reader.follow(_offsets(reader, topic.offsets(), start, 0)):
                if records:
                    out(_lines(records))
        except Interrupted as interrupted:
            if interrupted.signal_number != signal.SIGINT:
                raise


def _lines(records: Iterable[RecordData]) -> bytes:
    return "".join(f"{format_record(record)}\n" for record in records).encode()


def _offsets(reader: BulkReader, bounds: Bounds, position: Position | None, side: int) -> Mapping[int, int]:
    """The offset of a position in each partition; None is the first (`side` 0) or the one after the last record (1)."""
    if position is None:
        return {number: ends[side] for number, ends in bounds.items()}
    if position.offset is not None:
        return {number: min(max(position.offset, first), end) for number, (first, end) in bounds.items()}
    found = reader.offsets_at(position.timestamp or 0, bounds)
    return {number: bounds[number][1] if offset is None else offset for number, offset in found.items()}
