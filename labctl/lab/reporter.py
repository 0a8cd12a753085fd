"""Where a run reports what it does, while it does it."""

from __future__ import annotations

from typing import Protocol

from labctl.results import CheckResult, RunResult, StepResult
from labctl.runtime.base import NullProgress, Progress


class Reporter(Progress, Protocol):
    """Receives the progress of a run. The command line prints it."""

    def step_begins(self, step: str) -> None:
        """A step begins."""

    def step(self, step: StepResult) -> None:
        """A step or layer ended."""

    def check(self, check: CheckResult) -> None:
        """A check ended."""

    def finished(self, run: RunResult) -> None:
        """The run ended, with or without success, and its report is written."""


class NullReporter(NullProgress):
    """Reports nothing: for commands that have no steps, and for programs."""

    def step_begins(self, step: str) -> None:
        """Do nothing."""

    def step(self, step: StepResult) -> None:
        """Do nothing."""

    def check(self, check: CheckResult) -> None:
        """Do nothing."""

    def finished(self, run: RunResult) -> None:
        """Do nothing."""
