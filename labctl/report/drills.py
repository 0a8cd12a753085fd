"""Drills in reports: a table of the runs with median and maximum, and the drawing of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from labctl.results import DrillEvent, DrillResult, DrillRun

MOST_DRAWN = 5  # runs of one drill; the table has all
WIDTH, HEIGHT = 1000, 160  # of a drawing, in the units of its view box
TICKS = 10
COLUMNS = (
    "run",
    "target",
    "recovery s",
    "write gap s",
    "read gap s",
    "commit gap s",
    "acknowledged",
    "lost",
    "duplicated",
    "out of order",
)
TIMES = ("recovery", "write_gap", "read_gap", "commit_gap")
COUNTS = ("acknowledged", "lost", "duplicated", "out_of_order")


@dataclass(frozen=True, slots=True)
class Mark:
    """An event in a drawing: its place, its number in the list below, and what it is."""

    x: float
    number: int
    event: DrillEvent


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """A run as lines: records per tenth of a second, written and read, as points of an SVG polyline."""

    number: int
    run: DrillRun
    written: str
    read: str
    highest: int
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]


def rows(drill: DrillResult) -> list[tuple[str, ...]]:
    """Return the cells of COLUMNS for each run; where there are several, median and maximum too."""
    found = [_row(str(number), run.target, run) for number, run in enumerate(drill.runs, 1)]
    if len(drill.runs) > 1:
        for name, of in (("median", median), ("maximum", max)):
            times = (of(known) if (known := _known(drill.runs, key)) else None for key in TIMES)
            counts = (f"{of([getattr(run, key) for run in drill.runs]):,.0f}" for key in COUNTS)
            found.append((name, "", *map(_seconds, times), *counts))
    return found


def failed_requests(drill: DrillResult) -> dict[str, int]:
    """Return the requests that failed in all runs, by the name of their error, the most frequent first."""
    found: dict[str, int] = {}
    for run in drill.runs:
        for name, count in run.failed.items():
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def drawn_runs(drill: DrillResult) -> list[DrawnRun]:
    """Return the first runs of a drill, drawn."""
    return [_drawn(number, run) for number, run in enumerate(drill.runs[:MOST_DRAWN], 1)]


def _row(number: str, target: str, run: DrillRun) -> tuple[str, ...]:
    return (
        number,
        target,
        *(_seconds(getattr(run, key)) for key in TIMES),
        *(f"{getattr(run, key):,}" for key in COUNTS),
    )


def _known(runs: Sequence[DrillRun], key: str) -> list[float]:
    return [value for run in runs if (value := getattr(run, key)) is not None]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _drawn(number: int, run: DrillRun) -> DrawnRun:
    seconds = run.seconds or 1.0
    highest = max([1, *(max(written, read) for _at, written, read in run.rates)])

    def points(column: int) -> str:
        return " ".join(
            f"{WIDTH * rate[0] / seconds:.1f},{HEIGHT - HEIGHT * rate[column] / highest:.1f}" for rate in run.rates
        )

    marks = [Mark(round(WIDTH * event.at / seconds, 1), place, event) for place, event in enumerate(run.events, 1)]
    step = max(1, round(seconds / TICKS))
    ticks = [(round(WIDTH * at / seconds, 1), f"{at} s") for at in range(0, int(seconds) + 1, step)]
    return DrawnRun(number, run, points(1), points(2), highest, tuple(marks), tuple(ticks))
