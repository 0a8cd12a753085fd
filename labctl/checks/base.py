"""How a check ends, and what all checks share: waiting, and transcripts of console tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.runtime.base import Completed
from labctl.system.waiting import Deadline, NotReady, wait_until

T = TypeVar("T")

TRANSCRIPT_CHARACTERS = 2000


class CheckFailed(Exception):
    """The lab did not behave as expected: what was expected, and what was observed."""

    def __init__(self, detail: str, *evidence: str) -> None:
        super().__init__(detail)
        self.evidence = evidence


class Skipped(Exception):
    """The check can't run on this lab, and why."""


@dataclass(frozen=True, slots=True)
class CheckPass:
    """What made the check pass, and transcripts that prove it."""

    detail: str
    evidence: tuple[str, ...] = ()


def eventually(seconds: float, what: str, probe: Callable[[], T]) -> T:
    """Return what `probe` returns, as soon as it raises neither NotReady nor KafkaFailed.

    Raises CheckFailed with `what` was expected and what was last observed, after `seconds`.
    """

    def attempt() -> T:
        try:
            return probe()
        except KafkaFailed as error:
            raise NotReady(error.message) from error

    try:
        return wait_until(attempt, what=what, deadline=Deadline.after(seconds)).result
    except ReadinessTimeout as error:
        raise CheckFailed(error.message) from error


def transcript(done: Completed, stdin: bytes | None = None, limit: int = TRANSCRIPT_CHARACTERS) -> str:
    """Return a command as a person types it, and its output: the first `limit` characters."""
    text = f"$ {done.command}\n"
    if stdin is not None:
        text += "".join(f"> {line}\n" for line in stdin.decode(errors="replace").splitlines())
    return (text + (done.stdout + done.stderr).decode(errors="replace"))[:limit]


def error_summary(done: Completed) -> str:
    """Return the line of a tool's error output that says most, 300 characters at most."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    exceptions = [line for line in lines if "Exception" in line]
    errors = [line for line in lines if "ERROR" in line]
    return (exceptions or errors or lines or ["no error output"])[0][:300]
