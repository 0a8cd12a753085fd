"""A command with a deadline."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

from labctl.runtime.base import Completed


def run_with_deadline(
    command: Sequence[str],
    argv: Sequence[str],
    stdin: bytes | None,
    seconds: float,
    *,
    environment: Mapping[str, str] | None = None,
    end: Callable[[], None] = lambda: None,
) -> Completed:
    """Run `command`, which a person types as `argv`, and return its outcome. After `seconds` call `end` and kill it.

    Raises OSError where it can't be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        end()
        process.kill()
        stdout, stderr = process.communicate()
        return Completed(tuple(argv), None, stdout, stderr)
    except BaseException:
        process.kill()
        raise
    return Completed(tuple(argv), process.returncode, stdout, stderr)
