"""A command that may take as long as it needs, while it reports progress."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from collections.abc import Sequence

KEPT = 16_384  # bytes: the newest output
CURSOR_MOVES = re.compile(r"(?:\x1b\[[0-9;?]*[A-Za-z]|[\r\n])+")  # mostly to the line of another layer


def run_with_stall_timeout(command: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Run `command` on a terminal of its own, where docker prints its progress. Return its exit code and last output.

    The exit code is None where it printed nothing for `seconds` and was killed. Raises OSError where it can't start.
    """
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    output, ended = b"", False
    try:
        while not ended and select.select([ours], [], [], seconds)[0]:
            chunk = _read(ours)
            output, ended = (output + chunk)[-KEPT:], not chunk
        code = process.wait(seconds) if ended else None
    except subprocess.TimeoutExpired:
        code = None
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, CURSOR_MOVES.sub("\n", output.decode(errors="replace")).strip()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, KEPT)
    except OSError:  # Linux: the other end is closed
        return b""
