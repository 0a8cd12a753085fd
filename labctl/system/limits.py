"""What labctl changes of its own process, and gives back to programs of the user: open files, and the umask."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

WANTED = 65_536  # open files, where the hard limit is higher, or there is none
OTHERS_WRITE = 0o022  # the permissions that no file of labctl gives: group and others can't write
_FILES_AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)
_UMASK_AT_START = os.umask(OTHERS_WRITE)  # it can be read only by setting it
os.umask(_UMASK_AT_START)


def raise_limit() -> None:
    """Raise the soft limit of open files of this process as far as it may be raised, as Java does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit below the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_files_own() -> None:
    """Let nobody else write to the files that labctl and its nodes create, also with a umask of 000."""
    os.umask(os.umask(OTHERS_WRITE) | OTHERS_WRITE)


@contextlib.contextmanager
def as_at_start() -> Iterator[None]:
    """Programs of the user that are started in the block have the limit and the umask that labctl was started with.

    A program that calls select(2) must not have more than 1024 open files (getrlimit(2), systemd.exec(5)).
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    umask = os.umask(_UMASK_AT_START)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_AT_START[0], files[1]))
    try:
        yield
    finally:
        os.umask(umask)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, files)
