"""The errors that a user reads: a sentence that says what is wrong, a remedy, an exit code."""

from __future__ import annotations

import errno
from pathlib import Path


class LabError(Exception):
    """Something that stops labctl. `hint` is the remedy, `fault` its name in the registry of known faults or ""."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "", fault: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fault = fault


class SpecError(LabError):
    """lab.yaml or the command line is wrong (exit 2). All problems are reported together."""

    exit_code = 2

    def __init__(self, problems: list[str], hint: str = "") -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = problems


class HostError(LabError):
    """This machine can't run the lab (exit 3): a port, memory, a folder, Java, a download."""

    exit_code = 3


# What this machine has no more of: a sentence, a remedy, the known fault. An OSError of these says nothing of its file.
SHORTAGES = {
    errno.EMFILE: (
        "labctl has as many open files as it may have",
        "raise the limit: ulimit -n 65536",
        "too-many-files",
    ),
    errno.ENFILE: ("this machine has as many open files as it may have", "end other programs", "too-many-files"),
    errno.EAGAIN: (
        "this user has as many processes and threads as it may have",
        "end other programs, or raise the limit (ulimit -u; in a container, its pids limit)",
        "too-many-threads",
    ),
    errno.ENOMEM: ("this machine has no free memory", "end other programs", "no-memory"),
}


def shortage(number: int | None) -> HostError | None:
    """Return the error for an `errno` that says what this machine has no more of; else None."""
    return HostError(*SHORTAGES[number]) if number in SHORTAGES else None


def unwritable(path: str | Path, error: OSError, hint: str) -> HostError:
    """Return the error for an OSError while `path` was written."""
    fault = "disk-full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "not-writable"
    return shortage(error.errno) or HostError(f"{path} can't be written: {error.strerror}", hint, fault)


class LabStopped(LabError):
    """The lab is not running (exit 4)."""

    exit_code = 4


class RuntimeFailed(LabError):
    """A command of the runtime failed (exit 4).

    `command` can be pasted into a shell; an `exit_status` of None: it timed out.
    """

    exit_code = 4

    def __init__(self, command: str, exit_status: int | None, output: str, hint: str = "", fault: str = "") -> None:
        how = "did not end in time" if exit_status is None else f"ended with exit code {exit_status}"
        super().__init__(f"`{command}` {how}: {output.strip() or 'no output'}", hint, fault)
        self.command = command
        self.exit_status = exit_status
        self.output = output


class NodeDied(LabError):
    """A node of the lab ended without being stopped (exit 4)."""

    exit_code = 4


class ReadinessTimeout(LabError):
    """The lab did not become ready in time (exit 4): the layer, what was expected, what was last observed."""

    exit_code = 4


class KafkaFailed(LabError):
    """Kafka refused a request or did not respond (exit 4)."""

    exit_code = 4


class ServiceFailed(LabError):
    """A service of the lab refused a request or did not respond (exit 4). `status` is HTTP's, 0 without a response."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class AccessDenied(KafkaFailed):
    """Kafka's authorizer rejected a request: no ACL allows it (exit 4)."""


class Defect(LabError):
    """Something that labctl did not expect (exit 70, EX_SOFTWARE of sysexits.h)."""

    exit_code = 70


class Interrupted(KeyboardInterrupt):
    """A signal interrupted labctl: Ctrl-C (exit 130), SIGTERM (exit 143) or SIGHUP (exit 129)."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"signal {signal_number}")
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
