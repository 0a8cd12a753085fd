"""The limit of open files: labctl raises its own soft limit to the hard one, as Java does, and not that of others."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

WANTED = 65_536  # where the hard limit is higher, or there is none
_AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_limit() -> None:
    """Raise the soft limit of this process as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit below the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def limit_at_start() -> Iterator[None]:
    """Programs of the user that are started in the block have the limit that labctl was started with.

    A program that calls select(2) must not have more than 1024 (getrlimit(2), systemd.exec(5)).
    """
    now = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (_AT_START[0], now[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, now)
