"""Run the drills in both runtimes and on two kinds of clusters, and write docs/drills.md with its pictures.

    python -m scripts.drills_page [--times 20] [--runtime local] [--cluster lossy] [--drill leader]

It takes 45 minutes for each runtime, and needs a Docker Engine with the image of `labctl image build` for compose. A
second reader, librdkafka's, counts the records of each run too. The rows that are not measured stay as they are.
"""

from __future__ import annotations

import argparse
import itertools
import os
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple
from xml.sax.saxutils import escape

from bench.labctl import Labctl
from labctl.rendering.templates import render_template
from labctl.report.drills import HEIGHT, WIDTH, DrawnRun, drawn_runs
from labctl.results import DrillResult
from scripts.drill_labs import RUNTIMES, a_lab, again, drilled

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURES = DOCS / "drills.md", DOCS / "drills"
DRAWN = "local"  # the runtime with pictures
LOSSY = "three combined nodes, lossy"
CLUSTERS = {
    "three combined nodes": "brokers: 3",
    "three brokers, three controllers": "brokers: 3, controllers: 3",
    LOSSY: "brokers: 3, config: {min.insync.replicas: 1, unclean.leader.election.enable: true, "
    "replica.fetch.min.bytes: 1000000, replica.fetch.wait.max.ms: 500}",
}
# {drill: how many runs where --times is 20}
RUNS = {"leader": 20, "controller": 20, "broker": 5, "rolling": 5, "isolate": 5}
INTRODUCTION = """# Drills

Written by `python -m scripts.drills_page` on {date}: {cpus} processors, Kafka {version}. Each row is one drill,
with an idempotent writer with `acks=all` (300 records a second), a reader and a group at work. *Recovery* is the time
from the fault until each partition (and the quorum, in `controller`) has a leader that works. A *gap* is the longest
time without an acknowledged write, or without a commit of the group. Seconds, median and maximum of the runs. *Counted
again*: the records that a reader of librdkafka counted beside labctl's own.

A broker that is killed or cut off is fenced when its session ends, after 9 s: `broker.session.timeout.ms`, Kafka's own.
A broker that is stopped hands its partitions over before it ends.

The *lossy* cluster shows that the accounts find losses: its writer has `acks=1`, a record may be on its leader alone
(`min.insync.replicas: 1`), and followers fetch every half second (`replica.fetch.min.bytes`).

"""
LEGEND = """The blue line: records that were acknowledged; the green, dashed line:
records that were read; both for each tenth of a second. A vertical line is an event: red a fault, brown
its effect, green a repair."""
COLUMNS = (
    *("runtime", "cluster", "drill", "runs", "acknowledged", "lost", "duplicated", "out of order"),
    *("recovery", "write gap", "commit gap", "counted again"),
)
STYLE = """
svg { background: #fff; font: 14px system-ui, sans-serif; } text { fill: #4d5663; text-anchor: middle; }
polyline { fill: none; stroke-width: 2; } .written { stroke: #2f6fb7; }
.read { stroke: #0f7a4a; stroke-dasharray: 4 3; } .tick { stroke: #c9ced6; }
line.fault { stroke: #b3261e; stroke-width: 2; } line.effect { stroke: #7a4d00; stroke-dasharray: 6 4; }
line.repair { stroke: #0b6b34; } .list { text-anchor: start; fill: #1b1f24; }
"""


def main() -> None:
    """Run the drills, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=RUNS["leader"], help="runs of the drills leader and controller")
    parser.add_argument("--runtime", choices=RUNTIMES, help="only in this one")
    parser.add_argument("--cluster", default="", help="only on clusters with this in their names")
    parser.add_argument("--drill", choices=RUNS, help="only this one")
    options = parser.parse_args()
    page = Page()
    for runtime, (cluster, kafka) in itertools.product(RUNTIMES, CLUSTERS.items()):
        drills = [
            drill
            for drill in (RUNS if cluster != LOSSY else ["leader"])
            if options.runtime in {None, runtime} and options.cluster in cluster and options.drill in {None, drill}
        ]
        if drills:
            with a_lab(runtime, kafka) as labctl:
                for drill in drills:
                    times = max(1, options.times * RUNS[drill] // RUNS["leader"])
                    acks = ("--acks", "1") if cluster == LOSSY else ()
                    page.add(labctl, Place(runtime, cluster, drill), "--times", str(times), *acks)


class Place(NamedTuple):
    """Where a row of the table is."""

    runtime: str
    cluster: str
    drill: str

    @property
    def picture(self) -> str:
        """The name of the picture of its first run."""
        return f"{self.drill} {self.cluster}".replace(",", "").replace(" ", "-") + ".svg"


PLACES = [Place(*names) for names in itertools.product(RUNTIMES, CLUSTERS, RUNS)]


class Page:
    """docs/drills.md: written again after each drill, so that an interrupted run loses none."""

    def __init__(self) -> None:
        PICTURES.mkdir(exist_ok=True)
        lines = PAGE.read_text(encoding="utf-8").splitlines(keepends=True) if PAGE.exists() else []
        self._rows = {place: line for place in PLACES for line in lines if line.startswith(f"| {' | '.join(place)} |")}

    def add(self, labctl: Labctl, place: Place, *options: str) -> None:
        """Run a drill, and write the page with it."""
        result, version, counted = drilled(labctl, place.drill, *options)
        self._rows[place] = _row(place, result, counted)
        print(self._rows[place], end="", flush=True)
        if place.runtime == DRAWN and place.cluster != LOSSY:
            (PICTURES / place.picture).write_text(picture(drawn_runs(result)[0]), encoding="utf-8")
        head = INTRODUCTION.format(date=datetime.now(UTC).date(), cpus=os.cpu_count(), version=version)
        table = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
        rows = "".join(self._rows[place] for place in PLACES if place in self._rows)
        PAGE.write_text(f"{head}{table}{rows}\n{_pictures()}", encoding="utf-8")


def _pictures() -> str:
    """The section with the pictures that there are."""
    text = f"## Pictures\n\nThe first run of each drill, in the runtime {DRAWN}. {LEGEND}\n"
    for place in PLACES:
        if place.runtime == DRAWN and (PICTURES / place.picture).exists():
            title = f"{place.drill}, {place.cluster}"
            text += f"\n### {title}\n\n![{title}: records and events](drills/{place.picture})\n"
    return text


def _row(place: Place, result: DrillResult, counted: list[int]) -> str:
    runs = result.runs
    sums = [sum(getattr(run, name) for run in runs) for name in ("acknowledged", "lost", "duplicated", "out_of_order")]
    recoveries = [run.recovery for run in runs if run.recovery is not None]
    times = [recoveries, [run.write_gap for run in runs], [run.commit_gap for run in runs]]
    cells = [
        *(*place, str(len(runs))),
        *(f"{value:,}" for value in sums),
        *(f"{median(values):.2f}, {max(values):.2f}" for values in times),
        again(result, counted),
    ]
    return f"| {' | '.join(cells)} |\n"


def picture(drawn: DrawnRun) -> str:
    """Return a run as an SVG of its own."""
    size = f"{WIDTH + 40} {HEIGHT + 70 + 22 * len(drawn.marks)}"
    drawing = render_template("report/drill.svg.j2", drawn=drawn, size=(WIDTH, HEIGHT))
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -30 {size}">', f"<style>{STYLE}</style>", drawing]
    for mark in drawn.marks:
        text = escape(f"{mark.number}.  {mark.event.at:.2f} s  {mark.event.text}")
        lines.append(f'<text class="list" x="0" y="{HEIGHT + 30 + 22 * mark.number}">{text}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
