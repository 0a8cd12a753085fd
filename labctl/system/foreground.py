"""A program of the user in the foreground of this terminal: signals reach it, and its exit code is returned."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence

from labctl.errors import Interrupted, SpecError
from labctl.system.limits import as_at_start
from labctl.system.signals import held_signals, install_handlers, raise_held

GRACE_SECONDS = 10  # after a signal that was passed on: as `docker stop` gives a container


def require_program(program: str) -> None:
    """Raise SpecError where `program` does not exist, neither on PATH nor as a path."""
    if shutil.which(program) is None:
        raise SpecError([f"{program} can't be run here: there is no such program, or it is not executable"])


def run_in_foreground(command: Sequence[str], environment: Mapping[str, str], *, where: str = "here") -> int:
    """Run `command` on this terminal to its end, and return its exit code; 128 + N where signal N ended it.

    Ctrl-C reaches it as it does in a shell, and it decides what to do. SIGTERM and SIGHUP are passed on; then it has
    GRACE_SECONDS. Raises SpecError where it can't run.
    """
    try:
        with as_at_start(), held_signals() as held:
            process = subprocess.Popen(command, env=dict(environment))
    except OSError as error:
        raise SpecError([f"{command[0]} can't be run {where}: {error.strerror}"]) from None
    seconds: float | None = None
    while True:
        try:
            raise_held(held)
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        except Interrupted as interrupted:
            if interrupted.signal_number != signal.SIGINT:
                process.send_signal(interrupted.signal_number)
                seconds = GRACE_SECONDS
            install_handlers()
        except KeyboardInterrupt:
            continue
        else:
            return as_shell(code)


def as_shell(code: int) -> int:
    """Return the exit code of a process as a shell reports it: 128 + N where signal N ended it."""
    return 128 - code if code < 0 else code
