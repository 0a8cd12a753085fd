"""Measure what many partitions cost a cluster whose leader is killed, and write docs/many-partitions.md.

    python -m scripts.partitions_page

It takes a quarter of an hour, and uses the local runtime.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from scripts.drill_labs import a_lab, again, drilled

PAGE = Path(__file__).parent.parent / "docs/many-partitions.md"
SIZES = (1000, 10_000)
PARTITIONS_PER_TOPIC = 100
MEBIBYTE = 2**20
CREATED = re.compile(r"partitions created in ([\d.]+) s")
NODE_MEMORY = re.compile(r"(\d+) MiB")
INTRODUCTION = """# Many partitions

Written by `python -m scripts.partitions_page` on {date}: {cpus} processors, Kafka {version}, the local runtime.

*Three nodes*: `labctl drill partitions` creates the partitions, each with three replicas, and kills the leader of a
third of them, while records are written and read in a topic of its own. *Led again*: the time from the kill until every
partition has a leader that works; 9 s of it are the session of the broker that ended (`broker.session.timeout.ms`).

The leader is killed as soon as each replica has its log (`kafka-log-dirs.sh`): Kafka reports the ISR of a new partition
as full before its brokers have created the logs.

*One node*: the same number of partitions with one replica each. It is killed and started again. *Led again*: the time
from the kill until it leads each partition again. Without a second node, nothing is written or read meanwhile.

The memory is that of one node with all partitions; in brackets without them.

| partitions | nodes | created in | led again after | memory of a node | lost | counted again |
| --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Measure all sizes, and write the page."""
    rows, version = [], ""
    with a_lab("local", "brokers: 1") as labctl:
        before = labctl.memory() // MEBIBYTE
    for size in SIZES:
        row, version = _three_nodes(size)
        rows += [row, _one_node(size, before)]
        print(*rows[-2:], sep="", end="", flush=True)
    head = INTRODUCTION.format(date=datetime.now(UTC).date(), cpus=os.cpu_count(), version=version)
    PAGE.write_text(head + "".join(rows), encoding="utf-8")


def _three_nodes(size: int) -> tuple[str, str]:
    """A row, and Kafka's version."""
    with a_lab("local", "brokers: 3") as labctl:
        result, version, counted = drilled(labctl, "partitions", "--partitions", str(size))
    (run,) = result.runs
    texts = [event.text for event in run.events]
    created = next(float(found[1]) for text in texts if (found := CREATED.search(text)))
    before, after = (max(map(int, NODE_MEMORY.findall(text))) for text in texts if text.startswith("memory: "))
    led = f"{run.recovery or 0:.1f} s"
    cells = (
        f"{size:,}",
        "3",
        f"{created:.1f} s",
        led,
        f"{after} MiB ({before})",
        str(run.lost),
        again(result, counted),
    )
    return f"| {' | '.join(cells)} |\n", version


def _one_node(size: int, before: int) -> str:
    topics = "".join(
        f"  - {{name: topic-{number:03}, partitions: {PARTITIONS_PER_TOPIC}}}\n"
        for number in range(size // PARTITIONS_PER_TOPIC)
    )
    started = time.perf_counter()
    with a_lab("local", "brokers: 1", f"topics:\n{topics}") as labctl:
        created = time.perf_counter() - started
        after = labctl.memory() // MEBIBYTE
        labctl("node", "kill", "broker")
        started = time.perf_counter()
        labctl("node", "start", "broker")
        led = time.perf_counter() - started
    memory = f"{after} MiB ({before})"
    return f"| {size:,} | 1 | {created:.1f} s, with `up` | {led:.1f} s, with the start | {memory} | | |\n"


if __name__ == "__main__":
    main()
