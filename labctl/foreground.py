"""A program of the user's in front of this terminal: signals reach it, and its exit code comes back."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence

from labctl.errors import Interrupted, SpecError
from labctl.interrupts import interrupt_once

GRACE_SECONDS = 10  # after a SIGTERM that was passed on


def refuse_missing(program: str) -> None:
    """Raise SpecError where there is no `program` to run, neither on PATH nor at that path."""
    if shutil.which(program) is None:
        raise SpecError([f"{program} can't be run here: there is no such program, or it is not executable"])


def run_in_front(command: Sequence[str], environment: Mapping[str, str], *, where: str = "here") -> int:
    """Run `command` on this terminal to its end; its exit code, 128 + N where signal N ended it.

    Ctrl-C reaches it as it does in a shell, and it decides what to do. SIGTERM is passed on; it has GRACE_SECONDS then.
    Raises SpecError where it can't be run.
    """
    try:
        process = subprocess.Popen(command, env=dict(environment))
    except OSError as error:
        raise SpecError([f"{command[0]} can't be run {where}: {error.strerror}"]) from None
    seconds: float | None = None
    while True:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        except Interrupted as interrupted:
            if interrupted.signal_number == signal.SIGTERM:
                process.terminate()
                seconds = GRACE_SECONDS
            interrupt_once()
        except KeyboardInterrupt:
            continue
        else:
            return 128 - code if code < 0 else code
