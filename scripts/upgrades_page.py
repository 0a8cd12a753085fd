"""Upgrade clusters from the oldest Kafka to the newest while records are written, and write docs/upgrades.md.

    python -m scripts.upgrades_page

It takes a quarter of an hour, and needs a Docker Engine with the images of `labctl image build --kafka VERSION` for
compose.
"""

from __future__ import annotations

import itertools
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, Producer

from bench.labctl import Labctl
from labctl.version_lock import locked_versions
from labctl.versions import version_tuple
from scripts.drill_labs import RUNTIMES, a_lab, again, drilled

PAGE = Path(__file__).parent.parent / "docs/upgrades.md"
RECORDS = 1000  # written on the oldest Kafka
FIRST = [str(number).encode() for number in range(RECORDS)]  # the topic has records of the lab too
SECONDS = 60.0
LEVEL = re.compile(r"Feature: metadata\.version\s.*FinalizedVersionLevel: (\S+)")
INTRODUCTION = """# Upgrades

Written by `python -m scripts.upgrades_page` on {date}: {cpus} processors. A cluster of three combined nodes is created
with the oldest Kafka, and upgraded to each newer one in turn by `labctl drill upgrade --to VERSION`: one node after
another, then the features, with an idempotent writer with `acks=all`, a reader and a group at work. *Metadata version*:
what Kafka's own kafka-features.sh prints before and after. A *gap* is the longest time without an acknowledged write,
or without a commit of the group. *Counted again*: by a reader of librdkafka.

| runtime | from | to | metadata version | acknowledged | lost | duplicated | out of order | write gap | commit gap \
| counted again |
|{line}

"""


def main() -> None:
    """Walk from the oldest to the newest Kafka in each runtime, and write the page."""
    versions = sorted(locked_versions(), key=version_tuple)
    rows, read = [], []
    for runtime in RUNTIMES:
        with a_lab(runtime, f"brokers: 3, version: {versions[0]}") as labctl:
            bootstrap = labctl.status()["endpoints"]["external"]
            _write(bootstrap)
            for old, new in itertools.pairwise(versions):
                rows.append(_row(labctl, runtime, old, new))
                print(rows[-1], end="", flush=True)
            read.append(f"{runtime}: {_read(bootstrap):,}")
    line = " --- |" * 11
    head = INTRODUCTION.format(date=datetime.now(UTC).date(), cpus=os.cpu_count(), line=line).rstrip()
    last = (
        f"\nOf the {RECORDS:,} records that librdkafka wrote on Kafka {versions[0]}, it read on Kafka {versions[-1]}: "
        f"{', '.join(read)}.\n"
    )
    PAGE.write_text(f"{head}\n{''.join(rows)}{last}", encoding="utf-8")


def _row(labctl: Labctl, runtime: str, old: str, new: str) -> str:
    before = _metadata_version(labctl)
    result, _, counted = drilled(labctl, "upgrade", "--to", new)
    (run,) = result.runs
    cells = (
        *(runtime, old, new, f"{before} → {_metadata_version(labctl)}"),
        *(f"{value:,}" for value in (run.acknowledged, run.lost, run.duplicated, run.out_of_order)),
        *(f"{gap:.2f} s" for gap in (run.write_gap, run.commit_gap)),
        again(result, counted),
    )
    return f"| {' | '.join(cells)} |\n"


def _metadata_version(labctl: Labctl) -> str:
    tool = ("kafka-features.sh", "--bootstrap-server", "broker-1:9092", "describe")
    printed = labctl("exec", "broker-1", "--", *tool)
    found = LEVEL.search(printed)
    if found is None:
        raise RuntimeError(f"kafka-features.sh printed no metadata.version: {printed}")
    return found[1]


def _write(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in FIRST:
        producer.produce("orders", value)
    if producer.flush(SECONDS):
        raise RuntimeError("the first records were not acknowledged")


def _read(bootstrap: str) -> int:
    """Return how many of the first records are there, each counted once."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oldest", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    found: set[bytes] = set()
    while messages := consumer.consume(RECORDS, 10):
        found.update(message.value() or b"" for message in messages if not message.error())
    consumer.close()
    return len(found.intersection(FIRST))


if __name__ == "__main__":
    main()
