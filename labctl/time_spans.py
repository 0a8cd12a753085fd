"""Spans of time as a person types them: 30s, 10m, 2h, 1d."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_seconds(text: str) -> int:
    """Return the seconds of a span. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if not match:
        raise ValueError(f"{text}: a time is a whole number and s, m, h or d, like 2h")
    return int(match[1]) * UNITS[match[2]]
