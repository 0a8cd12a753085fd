"""Commands that write and read many records: load, dump, traffic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import TableChoice, json_option, lab_name, lab_options, lab_store, opened_lab, seconds_of
from labctl.cli.output import print_bytes, print_json, print_text
from labctl.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console
    from labctl.records.position import Position

STANDARD_INPUT = Path("-")


def _record_formats() -> Iterable[str]:
    from labctl.records.formats import RECORD_FORMATS

    return RECORD_FORMATS


@click.command(cls=Command)
@click.argument("topic")
@click.argument("records", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--format",
    "form",
    type=TableChoice(_record_formats),
    help="Of FILE (default: by its name, .jsonl, .ndjson or .csv; else text, a record a line).",
)
@lab_options
@json_option
@click.pass_obj
def load(
    console: Console, topic: str, records: Path, form: str | None, file: Path | None, name: str | None, as_json: bool
) -> None:
    """Write the records of FILE into TOPIC; FILE - reads them from standard input.

    A line of JSON Lines is like {"key": "c1", "value": {"orderid": 1001}}, with headers, timestamp and partition as it
    needs them. The first line of CSV names the columns.
    """
    from labctl.kafka.retention import expired_note
    from labctl.lab.load import load_file, load_stream
    from labctl.lab.topic_access import open_topic
    from labctl.records.file import open_record_file
    from labctl.records.formats import format_of

    chosen = form or format_of(records.name)
    access = open_topic(lab_name(file, name), topic, lab_store(), console)
    if records == STANDARD_INPUT:
        done = load_stream(access, sys.stdin.buffer, "stdin", chosen, lambda count: console.records(count, None))
    else:
        with open_record_file(records) as opened:
            done = load_file(access, opened, str(records), chosen, console.records)
    if as_json:
        print_json({"topic": topic, "records": done.records, "seconds": round(done.seconds, 3)})
    console.note(f"wrote {counted(done.records, 'record')} to {topic} in {done.seconds:.1f} s")
    if done.expired:
        console.note(expired_note(topic, done.expired))


@click.command(cls=Command)
@click.argument("topic")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")
@click.option(
    "--from", "start", metavar="PLACE", help="From an offset (100), a time (2026-11-28T10:00), or so long ago (10m)."
)
@click.option("--to", "end", metavar="PLACE", help="Up to an offset, a time, or a time ago; it is not included.")
@click.option("--follow", is_flag=True, help="Go on with new records until Ctrl-C.")
@lab_options
@click.pass_obj
def dump(
    console: Console,
    topic: str,
    output: Path | None,
    start: str | None,
    end: str | None,
    follow: bool,
    file: Path | None,
    name: str | None,
) -> None:
    """Print the records of TOPIC as JSON Lines, which `labctl load` reads: the same records, byte for byte.

    One partition comes after the other. Bytes that are not UTF-8 are in key_base64 and value_base64.
    """
    from labctl.errors import SpecError
    from labctl.lab import dump as lab_dump
    from labctl.lab.topic_access import open_topic
    from labctl.system.files import writing_file

    if follow and end:
        raise SpecError(["--follow and --to exclude each other: use only one of them"])
    if follow and output:
        raise SpecError(["--follow has no end, and a file is complete at the end"], "--follow > FILE writes as it goes")
    first, last = _position(start), _position(end)
    access = open_topic(lab_name(file, name), topic, lab_store(), console)
    if follow:
        lab_dump.follow(access, first, _print)
    elif output is None:
        lab_dump.dump(access, first, last, _print, _no_report if sys.stdout.isatty() else console.records)
    else:
        with writing_file(output, "name another file: -o FILE") as out:
            done = lab_dump.dump(access, first, last, out.write, console.records)
        console.note(f"wrote {counted(done, 'record')} of {topic} to {output}")


def _schema_languages() -> Iterable[str]:
    from labctl.records.order_schemas import ORDER_SCHEMAS

    return ORDER_SCHEMAS


@click.command(cls=Command)
@click.argument("topic")
@click.option("--rate", type=click.FloatRange(0.1, 100_000), default=100.0, show_default=True, help="Records a second.")
@click.option("--for", "span", metavar="TIME", help="For so long, like 60s or 10m (default: until Ctrl-C).")
@click.option("--schema", type=TableChoice(_schema_languages), help="With a schema, which the lab's registry keeps.")
@lab_options
@json_option
@click.pass_obj
def traffic(
    console: Console,
    topic: str,
    rate: float,
    span: str | None,
    schema: str | None,
    file: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Write orders of a shop into TOPIC, made up and as they could be real, until Ctrl-C.

    The key is the customer. Prints how many records a second Kafka acknowledged, and after which time.
    """
    from labctl.cli.traffic_output import traffic_document, traffic_text
    from labctl.errors import KafkaFailed
    from labctl.kafka.librdkafka.paced import write_paced
    from labctl.lab.orders_with_schema import orders_with_schema
    from labctl.lab.topic_access import open_topic
    from labctl.records.orders import orders

    seconds = seconds_of("--for", span) if span else None
    lab = lab_name(file, name)
    access = open_topic(lab, topic, lab_store(), console)
    records = orders_with_schema(opened_lab(file, name, console).plan, topic, schema) if schema else orders()
    done = write_paced(
        access.settings, topic, records, rate, seconds, lambda now: console.live(traffic_text(topic, now))
    )
    console.end_bar()
    print_json(traffic_document(topic, done)) if as_json else print_text(f"{traffic_text(topic, done)}\n")
    if done.failed:
        raise KafkaFailed(f"{done.failed:,} of {done.sent:,} records were not written: {done.reason}")


def _no_report(_done: int, _total: int | None) -> None:
    """Draw nothing: the records are on the same terminal."""


def _position(text: str | None) -> Position | None:
    from datetime import datetime

    from labctl.records.position import parse_position

    return parse_position(text, datetime.now().astimezone()) if text else None


def _print(lines: bytes) -> None:
    """Print lines; on a terminal without what would control it."""
    print_text(lines.decode()) if sys.stdout.isatty() else print_bytes(lines)


COMMANDS = {"load": load, "dump": dump, "traffic": traffic}
