"""Waiting in tests: until a condition is true, or while it stays true, or for a response."""

import time
import urllib.request

PAUSE = 0.005  # seconds: some tests must act within a few milliseconds


def wait_for(condition, seconds=60):
    """Return the first true result of `condition`. Fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(PAUSE)
    return result


def read_url(url, seconds=10):
    """Return the text of a response with status 200."""
    with urllib.request.urlopen(url, timeout=seconds) as response:
        return response.read().decode()


def require_lasting(condition, seconds):
    """Check `condition` for `seconds`, and fail as soon as it is false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition()
        time.sleep(20 * PAUSE)
