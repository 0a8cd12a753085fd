"""Text files that the user named: read whole, and bounded in size and time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from labctl.errors import SpecError

LARGEST = 2**20  # bytes


def read_text_file(path: Path, missing: str = "") -> str:
    """Return the text of a file, with the line ends that it has: who writes it again keeps them.

    Raises SpecError where it can't be read, is no text, or is larger than LARGEST; with the remedy `missing` where
    there is no such file. A pipe could keep labctl waiting for ever, and a device has no end: they are refused.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise SpecError([f"{path}: can't be read: it is a pipe or a device, not a file"])
            content = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise SpecError([f"{path}: no such file"], missing) from None
    except OSError as error:
        raise SpecError([f"{path}: can't be read: {error.strerror}"]) from None
    if len(content) > LARGEST:
        raise SpecError([f"{path}: larger than {LARGEST:,} bytes"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError([f"{path}: not text in UTF-8: {error.reason} at byte {error.start}"]) from None
