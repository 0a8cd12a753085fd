"""A command that may take as long as it likes, so long as it goes on telling how far it is."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from collections.abc import Sequence

KEPT = 16_384  # bytes: the newest that it said
MOVES = re.compile(r"(?:\x1b\[[0-9;?]*[A-Za-z]|[\r\n])+")  # of the cursor, mostly to the line of another part


def run_while_it_speaks(command: Sequence[str], silence: float) -> tuple[int | None, str]:
    """Run `command` on a terminal of its own, where docker tells every step; its exit code and the last that it said.

    None for the exit code: it said nothing for `silence` seconds and was killed.
    """
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    said, ended = b"", False
    try:
        while not ended and select.select([ours], [], [], silence)[0]:
            piece = _read(ours)
            said, ended = (said + piece)[-KEPT:], not piece
        code = process.wait(silence) if ended else None
    except subprocess.TimeoutExpired:
        code = None
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, MOVES.sub("\n", said.decode(errors="replace")).strip()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, KEPT)
    except OSError:  # Linux: the other end is closed
        return b""
