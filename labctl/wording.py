"""Lists and numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 5


def first_few(items: Sequence[str], most: int = SHOWN, separator: str = ", ") -> str:
    """Return the first items in one line, and how many more there are."""
    shown, more = separator.join(items[:most]), len(items) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def counted(count: int, thing: str) -> str:
    """Return a number of things: 1 record, 2,000 records."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
