"""Where to begin or end in a topic: an offset, or a time."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime

from labctl.errors import SpecError
from labctl.time_spans import parse_seconds

EXAMPLES = "an offset like 100, a time like 2026-11-28T10:00, or a time ago like 10m"


@dataclass(frozen=True, slots=True)
class Position:
    """An offset in each partition, or a time in milliseconds since 1970: one of both."""

    offset: int | None = None
    timestamp: int | None = None


def parse_position(text: str, now: datetime) -> Position:
    """Return the position of an offset, a time, or a time ago (10m: ten minutes before `now`). Raises SpecError.

    A time without a zone is in the zone of this machine.
    """
    if re.fullmatch(r"[0-9]{1,18}", text):
        return Position(offset=int(text))
    with contextlib.suppress(ValueError):
        return Position(timestamp=_milliseconds(now.timestamp() - parse_seconds(text)))
    try:
        time = datetime.fromisoformat(text)
        return Position(timestamp=_milliseconds(time.timestamp()))
    except (ValueError, OverflowError):
        raise SpecError([f"{text} is no place in a topic: it is {EXAMPLES}"]) from None


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
