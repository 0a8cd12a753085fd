"""`make bench`: timings side by side, in one run. Ratios travel between machines, seconds don't."""

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
A ratio is the median of each round's own; it travels between machines, seconds don't. Every `labctl up` here ends when
records went in and came out through both doors; what it is compared with verifies less or nothing. Kafka's scripts:
what bin/kafka-storage.sh and bin/kafka-server-start.sh give their JVMs, on labctl's jars and Java, without their shell.

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
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder, contextlib.ExitStack() as at_end:
        makers = {"compose": compose_cases, "local": local_cases, "cluster": cluster_cases}
        wanted = [given.only] if given.only else [*makers] if _engine_answers() else ["local"]
        cases = [case for name in wanted for case in makers[name](Path(folder), at_end)]
        measured = time_cases(cases, given.rounds, _say)
        print(table(measured))
        if wanted != [*makers]:
            return
        sized = measure_sizes(Path(folder), min(3, given.rounds), _say)
    facts = {"date": datetime.now(UTC).date(), "cpus": os.cpu_count(), "memory": psutil.virtual_memory().total / 2**30}
    head, sizes = HEAD.format(rounds=given.rounds, **facts), SIZES.format(rounds=min(3, given.rounds))
    (DOCS / "bench.md").write_text(f"{head}{table(measured)}{sizes}{sizes_table(sized)}\n", encoding="utf-8")
    draw(measured, sized, DOCS / "bench.svg")
    print(sizes_table(sized))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _engine_answers() -> bool:
    try:
        Engine().version(1)
    except LabError:
        return False
    return True


if __name__ == "__main__":
    main()
