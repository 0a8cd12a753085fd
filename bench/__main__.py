"""`make bench`: timings of labctl and its peers in one run. Compare ratios between machines, not seconds."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.cluster import cluster_cases
from bench.compose import compose_cases
from bench.local import local_cases
from bench.picture import draw
from bench.scale import measure_sizes, sizes_table
from bench.timing import table, time_cases
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


def main() -> None:
    """Time, print, and write docs/bench.md where all cases ran."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["compose", "local", "cluster"], help="some cases; nothing is written then")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder, contextlib.ExitStack() as at_end:
        case_groups = {"compose": compose_cases, "local": local_cases, "cluster": cluster_cases}
        selected = [arguments.only] if arguments.only else [*case_groups] if _engine_responds() else ["local"]
        cases = [case for name in selected for case in case_groups[name](Path(folder), at_end)]
        measured = time_cases(cases, arguments.rounds, _print_progress)
        print(table(measured))
        if selected != [*case_groups]:
            return
        by_size = measure_sizes(Path(folder), min(3, arguments.rounds), _print_progress)
    facts = {"date": datetime.now(UTC).date(), "cpus": os.cpu_count(), "memory": psutil.virtual_memory().total / 2**30}
    head, sizes = HEAD.format(rounds=arguments.rounds, **facts), SIZES.format(rounds=min(3, arguments.rounds))
    (DOCS / "bench.md").write_text(f"{head}{table(measured)}{sizes}{sizes_table(by_size)}\n", encoding="utf-8")
    draw(measured, by_size, DOCS / "bench.svg")
    print(sizes_table(by_size))


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _engine_responds() -> bool:
    try:
        Engine().version(1)
    except LabError:
        return False
    return True


if __name__ == "__main__":
    main()
