"""Waiting with an end: deadlines, `wait_until` and `retry`. The only module that uses tenacity."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from labctl.errors import ReadinessTimeout

T = TypeVar("T")

SHORTEST_PAUSE = 0.005  # seconds; a probe takes less than a millisecond, a late result costs the user's time
LONGEST_PAUSE = 0.02


class NotReady(Exception):
    """Not yet: what was observed instead of what is expected."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock that ends every wait with it. `allowed` is in seconds from the start."""

    at: float
    allowed: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the moment `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """Return this deadline, or `seconds` from now where that is earlier."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)


@dataclass(frozen=True, slots=True)
class Waited(Generic[T]):
    """The result of a wait, and the number of attempts."""

    result: T
    attempts: int


def wait_until(probe: Callable[[], T], *, what: str, deadline: Deadline) -> Waited[T]:
    """Call `probe` until it returns, and return its result; NotReady means again, after a growing pause with jitter.

    Any other exception passes through at once. Raises ReadinessTimeout with `what` was expected and what was last
    observed.
    """
    import tenacity

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotReady),
        wait=tenacity.wait_random_exponential(multiplier=SHORTEST_PAUSE, max=LONGEST_PAUSE, min=SHORTEST_PAUSE),
        stop=tenacity.stop_before_delay(deadline.left),
        reraise=True,
    )
    try:
        result = attempts(probe)
    except NotReady as last:
        raise ReadinessTimeout(f"{what}: timed out after {deadline.allowed:.0f} s; last observed: {last}") from last
    return Waited(result, int(attempts.statistics["attempt_number"]))


def retry(action: Callable[[], T], *, attempts: int) -> T:
    """Call `action` up to `attempts` times, while it raises NotReady, with pauses of 0.5, 1, 2 … s. Return its result.

    Raises the last NotReady.
    """
    import tenacity

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotReady),
        wait=tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.1),
        stop=tenacity.stop_after_attempt(attempts),
        reraise=True,
    )
    return retrying(action)
