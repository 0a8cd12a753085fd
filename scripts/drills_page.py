"""Run the drills in both runtimes and on two kinds of clusters, and write docs/drills.md with its pictures.

    python scripts/drills_page.py [--only local|compose] [--times 20]

It takes an hour, and needs a Docker Engine with the image of `labctl image build` for compose. A second reader,
librdkafka's, counts the records of each run too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

from confluent_kafka import Consumer
from pydantic import TypeAdapter

from labctl.report.drills import HEIGHT, WIDTH, DrawnRun, drawn_runs
from labctl.results import DrillResult

DOCS = Path(__file__).parent.parent / "docs"
LAYOUTS = {
    "three combined nodes": "brokers: 3",
    "three brokers, three controllers": "brokers: 3, controllers: 3",
}
RUNTIMES = {"local": "local", "compose": "compose"}
# {drill: how many runs where --times is 20}
RUNS = {"leader": 20, "controller": 20, "broker": 5, "rolling": 5, "isolate": 5}
TOPICS = "^labctl-drill-[0-9a-f]+$"
INTRODUCTION = """# Drills

Written by `python scripts/drills_page.py` on {date}: {cpus} processors, Kafka {version}. Each row is one drill,
with an idempotent writer with `acks=all` (300 records a second), a reader and a group at work. *Recovery* is the time
from the fault until each partition (and the quorum, in `controller`) has a leader that works. A *gap* is the longest
time without an acknowledged write, or without a commit of the group. Seconds, median and maximum of the runs. *Counted
again*: the records that a reader of librdkafka counted beside labctl's own.

A broker that is killed or cut off is fenced when its session ends, after 9 s: `broker.session.timeout.ms`, Kafka's own.
A broker that is stopped hands its partitions over before it ends.

"""
COLUMNS = (
    *("runtime", "cluster", "drill", "runs", "acknowledged", "lost", "duplicated", "out of order"),
    *("recovery", "write gap", "commit gap", "counted again"),
)
STYLE = """
svg { background: #fff; font: 14px system-ui, sans-serif; } text { fill: #4d5663; text-anchor: middle; }
polyline { fill: none; stroke-width: 2; } .written { stroke: #2f6fb7; }
.read { stroke: #0f7a4a; stroke-dasharray: 4 3; } .tick { stroke: #c9ced6; }
.fault { stroke: #b3261e; stroke-width: 2; } .effect { stroke: #7a4d00; stroke-dasharray: 6 4; }
.repair { stroke: #0b6b34; } .list { text-anchor: start; stroke: none; fill: #1b1f24; }
"""


class SecondReader(threading.Thread):
    """A reader of librdkafka: `counts` has the records of each topic of a drill, in the order of the topics."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"second-reader-{os.getpid()}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._ending = threading.Event()
        self.offsets: dict[str, set[tuple[int, int]]] = {}

    def run(self) -> None:
        """Read until `end`."""
        self._consumer.subscribe([TOPICS])
        while not self._ending.is_set():
            for message in self._consumer.consume(1000, 0.2):
                if not message.error():
                    place = (message.partition() or 0, message.offset() or 0)
                    self.offsets.setdefault(message.topic() or "", set()).add(place)
        self._consumer.close()

    def end(self) -> list[int]:
        """Stop reading, and return the records of each topic."""
        self._ending.set()
        self.join(30)
        return [len(found) for found in self.offsets.values()]


def main() -> None:
    """Run all drills, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=RUNTIMES)
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    rows, pictures, version = [], [], ""
    (DOCS / "drills").mkdir(exist_ok=True)
    for runtime in [arguments.only] if arguments.only else RUNTIMES:
        for layout, nodes in LAYOUTS.items():
            with a_lab(runtime, nodes) as folder:
                for kind, runs in RUNS.items():
                    times = max(1, round(runs * arguments.times / 20))
                    report, counted = drilled(folder, kind, times)
                    version = report["kafka_version"]
                    (result,) = TypeAdapter(list[DrillResult]).validate_python(report["drills"])
                    rows.append(row(runtime, layout, result, counted))
                    print(rows[-1], end="", flush=True)
                    if runtime == "local":
                        name = f"{layout.replace(' ', '-').replace(',', '')}-{kind}.svg"
                        (DOCS / "drills" / name).write_text(picture(drawn_runs(result)[0]), encoding="utf-8")
                        pictures.append(f"\n### {kind}, {layout}\n\n![records and events](drills/{name})\n")
    head = INTRODUCTION.format(date=datetime.now(UTC).date(), cpus=os.cpu_count(), version=version)
    table = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n{''.join(rows)}"
    drawn = f"\n## Pictures\n\nThe first run of each drill, in the local runtime.\n{''.join(pictures)}"
    (DOCS / "drills.md").write_text(head + table + drawn, encoding="utf-8")


@contextmanager
def a_lab(runtime: str, nodes: str) -> Iterator[Path]:
    """A cluster in a folder of its own; it is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="labctl-drills-") as name:
        folder = Path(name)
        image = ", image: labctl/kafka" if runtime == "compose" else ""
        (folder / "lab.yaml").write_text(
            f"name: drills\nruntime: {runtime}\nkafka: {{{nodes}{image}}}\n"
            "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n"
        )
        try:
            labctl(folder, "up")
            yield folder
        finally:
            labctl(folder, "down")


def drilled(folder: Path, kind: str, times: int) -> tuple[dict[str, Any], list[int]]:
    """Run a drill, and return its report, and the records that the second reader counted in each run."""
    status = json.loads(labctl(folder, "status", "--json"))
    reader = SecondReader(status["endpoints"]["external"])
    reader.start()
    try:
        report = json.loads(labctl(folder, "drill", kind, "--times", str(times), "--json"))
    finally:
        counted = reader.end()
    return report, counted


def labctl(folder: Path, *arguments: str) -> str:
    """Run labctl in a folder, with its state there, and return what it printed. Raises CalledProcessError."""
    environment = os.environ | {"XDG_STATE_HOME": str(folder / "state")}
    command = [sys.executable, "-m", "labctl", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 1}:  # 1: records were lost, which the page shows
        done.check_returncode()
    return done.stdout


def row(runtime: str, layout: str, result: DrillResult, counted: list[int]) -> str:
    """Return a row of the table."""
    runs = result.runs
    sums = [sum(getattr(run, name) for run in runs) for name in ("acknowledged", "lost", "duplicated", "out_of_order")]
    recoveries = [run.recovery for run in runs if run.recovery is not None]
    times = [recoveries, [run.write_gap for run in runs], [run.commit_gap for run in runs]]
    same = counted == [run.read for run in runs]
    cells = [
        *(runtime, layout, result.name, str(len(runs))),
        *(f"{value:,}" for value in sums),
        *(f"{median(values):.2f}, {max(values):.2f}" for values in times),
        "the same" if same else f"{sum(counted):,} of {sum(run.read for run in runs):,}",
    ]
    return f"| {' | '.join(cells)} |\n"


def picture(drawn: DrawnRun) -> str:
    """Return a run as an SVG of its own."""
    size = f"{WIDTH + 40} {HEIGHT + 70 + 22 * len(drawn.marks)}"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -30 {size}">', f"<style>{STYLE}</style>"]
    for x, text in drawn.ticks:
        lines.append(f'<line class="tick" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>')
        lines.append(f'<text x="{x}" y="{HEIGHT + 20}">{text}</text>')
    lines.append(f'<polyline class="written" points="{drawn.written}"/>')
    lines.append(f'<polyline class="read" points="{drawn.read}"/>')
    for mark in drawn.marks:
        kind, number = mark.event.kind, mark.number
        lines.append(f'<line class="{kind}" x1="{mark.x}" x2="{mark.x}" y1="0" y2="{HEIGHT}"/>')
        lines.append(f'<text x="{mark.x}" y="-8">{number}</text>')
        text = escape(f"{number}.  {mark.event.at:.2f} s  {mark.event.text}")
        lines.append(f'<text class="list" x="0" y="{HEIGHT + 30 + 22 * number}">{text}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
