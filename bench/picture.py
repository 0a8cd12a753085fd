"""The measured figures as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.scale import Sized
from bench.timing import Measured

OURS, THEIRS = "#2563a8", "#9aa3ad"


def draw(measured: Mapping[str, Measured], sized: list[Sized], path: Path) -> None:
    """Bars of medians with their spread, and below them what size costs; an SVG that reads on light and dark pages."""
    mpl.rcParams["svg.hashsalt"] = "labctl"
    shown = [one for one in measured.values() if one.median >= 1]
    figure = Figure(figsize=(9, 0.38 * len(shown) + 3.4), facecolor="white", layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[0.38 * len(shown), 3])
    bars = parts[0].subplots()
    for place, one in enumerate(reversed(shown)):
        colour = OURS if one.case.name.startswith("labctl") else THEIRS
        spread = [[one.median - min(one.seconds)], [max(one.seconds) - one.median]]
        bars.barh(place, one.median, xerr=spread, color=colour, ecolor="#333", capsize=2, height=0.7)
        bars.text(max(one.seconds) + 0.15, place, f"{one.median:.1f} s", va="center", fontsize=8)
    bars.set_yticks(range(len(shown)), [one.case.name for one in reversed(shown)], fontsize=8)
    bars.set_xlabel("seconds: median, and from least to most (blue: labctl, verified from both sides)", fontsize=8)
    bars.spines[["top", "right"]].set_visible(False)
    for axes, size in zip(parts[1].subplots(1, len(sized)), sized, strict=True):
        sizes = list(size.seconds)
        axes.plot(range(len(sizes)), list(size.seconds.values()), "o-", color=OURS)
        axes.set_xticks(range(len(sizes)), [str(number) for number in sizes], fontsize=8)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(size.what, fontsize=8)
        axes.set_ylabel("seconds", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
