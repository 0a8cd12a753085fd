"""RECORD_FORMATS: the kinds of files that records are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from labctl.records.json_lines import parse_record
from labctl.records.record import Numbered, RecordData, RecordProblem
from labctl.records.table import read_table

TEXT = "text"
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def read_json_lines(lines: Iterable[bytes]) -> Iterator[Numbered]:
    """Yield the record of each line of JSON, or what is wrong in it. Empty lines are left out."""
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield number, parse_record(line)
        except RecordProblem as error:
            yield number, error


def read_text(lines: Iterable[bytes]) -> Iterator[Numbered]:
    """Yield a record without a key for each line, an empty one too, as Kafka's console producer does."""
    for number, line in enumerate(lines, 1):
        yield number, RecordData(line.removesuffix(b"\n").removesuffix(b"\r"))


RECORD_FORMATS: dict[str, Callable[[Iterable[bytes]], Iterator[Numbered]]] = {
    "jsonl": read_json_lines,
    "csv": read_table,
    TEXT: read_text,
}


def format_of(name: str) -> str:
    """Return the format of a file by the end of its name: jsonl for .jsonl and .ndjson, csv for .csv, else text."""
    return SUFFIXES.get(PurePath(name).suffix.lower(), TEXT)
