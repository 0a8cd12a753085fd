"""The result of examining one thing of a machine, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a probe: ok, warn or fail; `remedy` where there is something to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def probe_text(probes: list[Probe]) -> str:
    """Return the probes as text."""
    signs = {"ok": "✓", "warn": "!", "fail": "✗"}
    width = max(len(probe.name) for probe in probes)
    lines = []
    for probe in probes:
        lines.append(f"{signs[probe.status]} {probe.name:<{width}} {probe.detail}")
        if probe.remedy:
            lines.append(f"{'':{width + 3}}try: {probe.remedy}")
    return "\n".join(lines) + "\n"
