"""Samples as charts: lines of a drawing, and the values of a table. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

from labctl.plan.sizes import MEBIBYTE
from labctl.webui.page.samples import WINDOW_SECONDS, Sample

WIDTH, HEIGHT = 600, 150  # of the area with the lines, in the drawing's own units
SPANS = (60, 180, 360, WINDOW_SECONDS)  # seconds that a drawing may have; in thirds they are whole minutes, or 20 s
MOST_LINES = 6  # the largest ones: there are as many colours
LONGEST_GAP = 20  # seconds between two samples; a line is not drawn over a longer gap

Point = tuple[float, float]  # seconds since 1970, value
Words = Callable[[float], str]  # a value with its unit
K = TypeVar("K")
Series = Mapping[str, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its name, its parts as SVG's points, and its values in words."""

    name: str
    parts: tuple[str, ...]
    newest: str
    highest: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its title, what is counted, its lines, the values and times at its edges, and what is left out."""

    id: str
    title: str
    about: str
    lines: tuple[Line, ...]
    scale: tuple[tuple[float, str], ...]  # (y in the drawing, value)
    clock: tuple[tuple[float, str], ...]  # (x in the drawing, time)
    more: int  # lines that are not shown


def charts(samples: Sequence[Sample], now: float) -> list[Chart]:
    """Return the charts of the samples up to `now`, in seconds since 1970: of as long a time as there are samples."""
    age = now - samples[0].at if samples else 0
    span = next((span for span in SPANS if age <= span), WINDOW_SECONDS)
    draw = partial(_chart, now, span, samples[-1].at if samples else now)
    return [
        draw("in", "Records in", "a second, by topic", _rates(samples, lambda each: each.written), _rate),
        draw(
            "out",
            "Records out",
            "a second, by topic: what groups commit",
            _by_topic(_rates(samples, lambda each: each.committed)),
            _rate,
        ),
        draw("lag", "Lag", "records that a group has not committed, by group", _values(samples, _lag), _count),
        draw("probe", "Request time", "until a broker responds", _values(samples, _probe), _milliseconds),
        draw("memory", "Memory", "of each node", _values(samples, _memory), _mebibytes),
    ]


# -- series --------------------------------------------------------------------


def _values(samples: Iterable[Sample], values: Callable[[Sample], Mapping[str, float]]) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for sample in samples:
        for name, value in values(sample).items():
            series.setdefault(name, []).append((sample.at, value))
    return series


def _rates(samples: Sequence[Sample], counts: Callable[[Sample], Mapping[K, int]]) -> dict[K, list[Point]]:
    """How fast numbers grow, by the second. One that became smaller began again: its topic is a new one."""
    series: dict[K, list[Point]] = {}
    for before, after in pairwise(samples):
        earlier = counts(before)
        for name, count in counts(after).items():
            if name in earlier and count >= earlier[name] and after.at > before.at:
                series.setdefault(name, []).append((after.at, (count - earlier[name]) / (after.at - before.at)))
    return series


def _by_topic(rates: Mapping[tuple[str, str], Sequence[Point]]) -> dict[str, list[Point]]:
    """The sums of the rates of all groups: one that appears has no rate yet, however large its offsets are."""
    sums: dict[str, dict[float, float]] = {}
    for (_group, topic), points in rates.items():
        found = sums.setdefault(topic, {})
        for at, rate in points:
            found[at] = found.get(at, 0) + rate
    return {topic: sorted(found.items()) for topic, found in sums.items()}


def _lag(sample: Sample) -> dict[str, float]:
    found: dict[str, float] = {}
    for (group, _topic), behind in sample.lag.items():
        found[group] = found.get(group, 0) + behind
    return found


def _probe(sample: Sample) -> dict[str, float]:
    return {name: seconds * 1000 for name, seconds in sample.seconds.items() if seconds is not None}


def _memory(sample: Sample) -> dict[str, float]:
    return {name: size / MEBIBYTE for name, size in sample.memory.items()}


# -- the drawing -----------------------------------------------------------------


def _chart(
    now: float, span: int, newest: float, name: str, title: str, about: str, series: Series, words: Words
) -> Chart:
    recent = {each: [point for point in points if point[0] >= now - span] for each, points in series.items()}
    highest = {each: max(value for _at, value in points) for each, points in recent.items() if points}
    shown = sorted(highest, key=lambda each: (-highest[each], each))[:MOST_LINES]
    top = _round_up(max((highest[each] for each in shown), default=0))

    def place(point: Point) -> str:
        at, value = point
        return f"{WIDTH * (1 - (now - at) / span):.1f},{HEIGHT * (1 - value / top):.1f}"

    lines = tuple(
        Line(
            each,
            _parts(recent[each], place),
            words(recent[each][-1][1]) if recent[each][-1][0] == newest else "unknown",
            words(highest[each]),
        )
        for each in sorted(shown)
    )
    scale = tuple((HEIGHT - HEIGHT * share, words(top * share)) for share in (0, 0.5, 1))
    clock = tuple((WIDTH * third / 3, _ago(span * (3 - third) // 3)) for third in range(4))
    return Chart(name, title, about, lines, scale, clock, len(highest) - len(shown))


def _parts(points: Sequence[Point], place: Callable[[Point], str]) -> tuple[str, ...]:
    """The points of a line, in parts where there was a gap."""
    parts: list[list[str]] = [[]]
    last = points[0][0]
    for point in points:
        if point[0] - last > LONGEST_GAP:
            parts.append([])
        parts[-1].append(place(point))
        last = point[0]
    return tuple(" ".join(part) for part in parts)


def _ago(seconds: int) -> str:
    if not seconds:
        return "now"
    return f"-{seconds // 60} min" if seconds % 60 == 0 else f"-{seconds} s"


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …; 1 for nothing."""
    if value <= 0:
        return 1
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _rate(value: float) -> str:
    return f"{_count(value)}/s" if value < 100 else f"{value:,.0f}/s"


def _count(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _milliseconds(value: float) -> str:
    return f"{_count(value)} ms"


def _mebibytes(value: float) -> str:
    return f"{value:,.0f} MiB"
