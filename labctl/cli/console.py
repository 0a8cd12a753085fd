"""What a person reads while labctl works: lines on stderr, and a progress bar where stderr is a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from labctl.cli.printable import printable
from labctl.errors import LabError
from labctl.results import CheckResult, RunResult, StepResult

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

DRAW_AFTER = 0.3  # seconds
COLORS = {"passed": "green", "failed": "red", "error": "red", "skipped": "yellow"}


class Console:
    """Prints a run on stderr. `verbosity` 0: only errors; 1: steps and checks; 2: layers and skipped checks too."""

    def __init__(self, verbosity: int = 1, *, color: bool | None = None) -> None:
        self.verbosity = verbosity
        self.color = color if color is not None else _wants_color()
        self.run: RunResult | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._drawing = threading.RLock()
        self._soon: threading.Timer | None = None
        self._step, self._began = "", 0.0  # the step that is running, and when it began

    def line(self, text: str, *, at: int = 1) -> None:
        """Print a line where the verbosity is at least `at`."""
        if self.verbosity >= at:
            with self._drawing:
                self.end_bar()
                with contextlib.suppress(OSError):  # nobody reads stderr: that must not end labctl in the middle
                    click.echo(text, err=True, color=self.color)
            self._draw_soon()

    def note(self, text: str) -> None:
        """Print a line."""
        self.line(f"  {printable(text)}")

    def step_begins(self, step: str) -> None:
        """A step begins: draw it with its time, where stderr is a terminal."""
        self._step, self._began = step, time.monotonic()
        self._draw_soon()

    def step(self, step: StepResult) -> None:
        """Print a step that ended, or a part of one: a layer of `ready`, a node of `restart`."""
        part = ": " in step.name
        if not part:
            self._step = ""
        text = f"{sign(step.status)} {step.name:<12} {step.seconds:>6.2f} s"
        if part or self.verbosity > 1:
            text += f"  {printable(step.detail)}" + (f" ({step.attempts} attempts)" if step.attempts > 1 else "")
        self.line(("  " if part else "") + text.rstrip(), at=2 if part else 1)

    def check(self, check: CheckResult) -> None:
        """Print a check that ended."""
        from labctl.report.summary import SIGNS
        from labctl.report.terminal import check_line

        text = printable(check_line(check)).replace(SIGNS[check.status], sign(check.status), 1)
        self.line(text, at=2 if check.status == "skipped" else 1)

    def download(self, done: int, total: int) -> None:
        """Draw a progress bar on a terminal; elsewhere print a line at the end."""
        if self.verbosity < 1:
            return
        if not sys.stderr.isatty():
            if done == total:
                self.note(f"downloaded {total / 1e6:.0f} MB")
            return
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

        columns = (TextColumn("  downloading Kafka"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._draw_progress(columns, done, total)

    def records(self, done: int, total: int | None) -> None:
        """Draw a progress bar of records on a terminal; `total` None: nobody knows how many there are."""
        if self.verbosity < 1 or not sys.stderr.isatty():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn("  records"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._draw_progress(columns, done, total)

    def live(self, text: str) -> None:
        """Draw a line in place of the one before, where stderr is a terminal."""
        if self.verbosity < 1 or not sys.stderr.isatty():
            return
        from rich.progress import SpinnerColumn, TextColumn

        self._draw_progress((SpinnerColumn(), TextColumn("{task.description}")), 0, None, text)

    def _draw_progress(self, columns: tuple[ProgressColumn, ...], done: int, total: int | None, text: str = "") -> None:
        with self._drawing:
            if self._task is None:
                self.end_bar()
                self._bar = _progress(columns, color=self.color)
                self._task = self._bar.add_task(text, total=total)
                self._bar.start()
            if self._bar:
                self._bar.update(self._task, completed=done, description=text)
            if done == total:
                self.end_bar()

    def finished(self, run: RunResult) -> None:
        """Keep the run that ended, for the command that prints it."""
        self._step = ""
        self.end_bar()
        self.run = run

    def failed(self, error: LabError) -> None:
        """Print what stopped labctl, its cause where that is known, and a remedy: also with -q."""
        self.line(f"labctl: {printable(error.message)}", at=0)
        self._explain(printed=error.message, hint=error.hint)

    def not_verified(self) -> None:
        """Print why checks failed where that is known, and a remedy: also with -q."""
        failed = [check for check in self.run.checks if check.status in {"failed", "error"}] if self.run else []
        self._explain(printed="; ".join(f"{check.name}: {check.detail}" for check in failed))

    def _explain(self, printed: str, hint: str = "") -> None:
        """Print the cause unless it is in what was `printed`, the remedy, and the folder of the failure bundle."""
        diagnosis = self.run.diagnosis[-1] if self.run and self.run.diagnosis else None
        if diagnosis and diagnosis.cause not in printed:
            self.line(f"  cause: {printable(diagnosis.cause)}", at=0)
        if diagnosis and not diagnosis.fault:
            for line in diagnosis.evidence:
                self.line(f"  {printable(line)}", at=0)
        if remedy := diagnosis.remedy if diagnosis else hint:
            self.line(f"  try: {printable(remedy)}", at=0)
        if self.run and self.run.bundle:
            self.line(f"  logs and details: {self.run.bundle}", at=0)

    def _draw_soon(self) -> None:
        """Draw the step after a while: a short step needs no drawing, and no import of rich."""
        if self._step and self.verbosity >= 1 and sys.stderr.isatty():
            self._soon = threading.Timer(DRAW_AFTER, self._draw)
            self._soon.daemon = True
            self._soon.start()

    def _draw(self) -> None:
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._drawing:
            if self._step and self._bar is None:
                columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
                self._bar = _progress(columns, color=self.color)
                task = self._bar.add_task(self._step, total=None)
                self._bar.tasks[task].start_time = self._began
                self._bar.start()

    def end_bar(self) -> None:
        """Remove what is drawn: something is printed next."""
        with self._drawing:
            if self._soon is not None:
                self._soon.cancel()
            if self._bar is not None:
                with contextlib.suppress(Exception):
                    self._bar.stop()
                self._bar = self._task = None


def sign(status: str) -> str:
    """Return the coloured sign of a status, in characters that stderr can print."""
    from labctl.report.summary import SIGNS

    plain = {"passed": "ok", "failed": "FAILED", "error": "ERROR", "skipped": "skipped"}
    encoding = (getattr(sys.stderr, "encoding", None) or "ascii").lower()
    return click.style(SIGNS[status] if encoding.startswith("utf") else plain[status], fg=COLORS[status])


def _progress(columns: tuple[ProgressColumn, ...], *, color: bool) -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import Progress

    # lines end the bar first; rich's replacement of stderr has no encoding, so that signs would be printed as words
    console = RichConsole(stderr=True, no_color=not color)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def _wants_color() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
