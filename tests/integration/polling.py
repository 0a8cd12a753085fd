"""Waiting in tests: until something is so, or while it stays so."""

import time

PAUSE = 0.005  # seconds: some tests must act within a few milliseconds


def wait_for(condition, seconds=60):
    """What `condition` returns, as soon as it is true. Fails after `seconds`."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(PAUSE)
    return found


def require_lasting(condition, seconds):
    """Fail as soon as `condition` is false, within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition()
        time.sleep(20 * PAUSE)
