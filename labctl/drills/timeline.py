"""From moments to figures: the longest gap, and the records of each tenth of a second. Times in seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

BUCKET_SECONDS = 0.1
ROUNDING = 1e-9  # 0.3 / 0.1 is 2.9999999999999996


def longest_gap(moments: Sequence[float], began: float, ended: float) -> float:
    """Return the longest time between two of `moments`, from `began` to `ended`."""
    inside = sorted(moment for moment in moments if began <= moment <= ended)
    return round(max(later - earlier for earlier, later in pairwise([began, *inside, ended])), 3)


def rates(written: Sequence[float], read: Sequence[float], seconds: float) -> tuple[tuple[float, int, int], ...]:
    """Return (time, acknowledged records, read records) of each tenth of a second until `seconds`."""
    counts = [Counter(int(moment / BUCKET_SECONDS + ROUNDING) for moment in moments) for moments in (written, read)]
    return tuple(
        (round(bucket * BUCKET_SECONDS, 1), counts[0][bucket], counts[1][bucket])
        for bucket in range(int(seconds / BUCKET_SECONDS + ROUNDING) + 1)
    )
