"""A lock file that one process of this user holds at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from labctl.errors import HostError, unwritable


@contextlib.contextmanager
def hold_lock(
    path: Path,
    seconds: float,
    *,
    holder: Callable[[], str],
    note: Callable[[str], None],
    unwritable_hint: str,
) -> Iterator[None]:
    """Hold the lock file in the block. Where another process holds it, report `holder()` and wait `seconds` at most.

    The file stays: deleting it could let two processes hold the lock. Raises HostError where it is still held then, or
    can't be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    held = ""
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            held = holder()
            note(f"{held}: waiting")
            lock.acquire(timeout=seconds)
    except Timeout:
        raise HostError(f"{held}, for {seconds:.0f} s now", "wait until it ends, or end it", "lab-held") from None
    except OSError as error:
        raise unwritable(error.filename or path, error, unwritable_hint) from None
    try:
        yield
    finally:
        lock.release()


def is_free(path: Path) -> bool:
    """Return whether no process holds the lock file; False where it can't be opened."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return True
    except (Timeout, OSError):
        return False
