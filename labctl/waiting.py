"""Waiting with an end: deadlines, and `wait_until` over tenacity."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from labctl.errors import ReadinessTimeout

T = TypeVar("T")

SHORTEST_PAUSE = 0.005  # seconds; a probe costs less than a millisecond, a late answer costs the user
LONGEST_PAUSE = 0.02


class NotReady(Exception):
    """Not yet: what was seen instead of what is waited for."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock that ends every wait handed it."""

    at: float
    allowed: float  # seconds from the start, for messages

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """This deadline, or `seconds` from now where that is earlier."""
        return min(self, Deadline.after(seconds), key=lambda one: one.at)


@dataclass(frozen=True, slots=True)
class Waited(Generic[T]):
    """The answer that was waited for, and how many times was asked."""

    answer: T
    attempts: int


def wait_until(
    probe: Callable[[], T], *, what: str, deadline: Deadline, sleep: Callable[[float], None] = time.sleep
) -> Waited[T]:
    """Call `probe` until it returns; NotReady means once more, after a growing pause with jitter.

    Any other exception passes through at once, without a pause. Raises ReadinessTimeout with what was last seen.
    """
    import tenacity

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotReady),
        wait=tenacity.wait_random_exponential(multiplier=SHORTEST_PAUSE, max=LONGEST_PAUSE, min=SHORTEST_PAUSE),
        stop=tenacity.stop_before_delay(deadline.left),
        sleep=sleep,
        reraise=True,
    )
    try:
        answer = attempts(probe)
    except NotReady as last:
        raise ReadinessTimeout(f"{what}: not so after {deadline.allowed:.0f} s; last seen: {last}") from last
    return Waited(answer, int(attempts.statistics["attempt_number"]))


def few_times(action: Callable[[], T], *, attempts: int, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run `action` while it raises NotReady, `attempts` times in all, pausing 0.5, 1, 2 … s; then raises the last."""
    import tenacity

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotReady),
        wait=tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.1),
        stop=tenacity.stop_after_attempt(attempts),
        sleep=sleep,
        reraise=True,
    )
    return retrying(action)
