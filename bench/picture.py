"""The measurements as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.scale import SizeSeries
from bench.timing import Measured

LABCTL_COLOUR, PEER_COLOUR = "#2563a8", "#9aa3ad"


def draw(measured: Mapping[str, Measured], by_size: list[SizeSeries], path: Path) -> None:
    """Write an SVG for light and dark pages: bars of medians with their spread, and below them seconds by size."""
    mpl.rcParams["svg.hashsalt"] = "labctl"
    shown = [case for case in measured.values() if case.median >= 1]
    figure = Figure(figsize=(9, 0.38 * len(shown) + 3.4), facecolor="white", layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[0.38 * len(shown), 3])
    bars = parts[0].subplots()
    for place, case in enumerate(reversed(shown)):
        colour = LABCTL_COLOUR if case.case.name.startswith("labctl") else PEER_COLOUR
        spread = [[case.median - min(case.seconds)], [max(case.seconds) - case.median]]
        bars.barh(place, case.median, xerr=spread, color=colour, ecolor="#333", capsize=2, height=0.7)
        bars.text(max(case.seconds) + 0.15, place, f"{case.median:.1f} s", va="center", fontsize=8)
    bars.set_yticks(range(len(shown)), [case.case.name for case in reversed(shown)], fontsize=8)
    bars.set_xlabel("seconds: median, and from least to most (blue: labctl, verified from both sides)", fontsize=8)
    bars.spines[["top", "right"]].set_visible(False)
    for axes, series in zip(parts[1].subplots(1, len(by_size)), by_size, strict=True):
        sizes = list(series.seconds)
        axes.plot(range(len(sizes)), list(series.seconds.values()), "o-", color=LABCTL_COLOUR)
        axes.set_xticks(range(len(sizes)), [str(number) for number in sizes], fontsize=8)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(series.what, fontsize=8)
        axes.set_ylabel("seconds", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
