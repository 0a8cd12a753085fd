"""The seam between a lab and what runs its nodes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

State = Literal["running", "exited", "missing"]
FROZEN, ISOLATED = "frozen", "isolated"


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as its runtime observes it. Memory in bytes; `ended` in seconds since 1970, where the runtime knows it.

    A running node with a `reason` does not work; it is `frozen: …` or `isolated: …`.
    """

    name: str
    state: State
    exit_code: int | None = None
    reason: str = ""
    memory: int | None = None
    ended: float | None = None

    @property
    def hindrance(self) -> str:
        """Why a running node does not work: FROZEN or ISOLATED; "" where it works, or does not run."""
        return self.reason.partition(":")[0] if self.state == "running" else ""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran inside a node, as a person types it, and its outcome."""

    argv: tuple[str, ...]
    exit_code: int | None  # None: it timed out and was killed
    stdout: bytes
    stderr: bytes

    @property
    def command(self) -> str:
        """The command, to paste into a shell."""
        return shlex.join(self.argv)


class Progress(Protocol):
    """Receives the progress of slow work."""

    def download(self, done: int, total: int) -> None:
        """`done` of `total` bytes are here."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""


class NullProgress:
    """Reports nothing."""

    def download(self, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Runtime(Protocol):
    """A way of running the nodes of a lab. Every method ends in bounded time and raises LabError only.

    SpecError for a node that the plan does not have; HostError, RuntimeFailed where the runtime can't do its work.
    """

    def prepare(self) -> None:
        """Download or pull: slow, and separate from the start."""

    def up(self, names: Sequence[str] = ()) -> None:
        """Start the nodes and services called `names` (all where there are none) that don't run. Safe to call again.

        A node that is about to end is waited for.
        """

    def start_again(self, node: str) -> bool:
        """Start a node that ended, where it may run now, and return whether it was started.

        That is once for a node that `up` found running (somebody stopped it at that moment), and once without its cache
        where that may be the reason.
        """

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the nodes and services called `names` (all where there are none), and keep their data.

        Safe to call again.
        """

    def kill(self, names: Sequence[str]) -> None:
        """End the nodes called `names` at once, as SIGKILL does, and keep their data. Safe to call again."""

    def pause(self, names: Sequence[str]) -> None:
        """Freeze the nodes called `names`: they run, and do nothing. Safe to call again."""

    def isolate(self, names: Sequence[str]) -> None:
        """Cut the nodes called `names` off from the network. Safe to call again.

        Raises SpecError where the nodes of this runtime have no network of their own.
        """

    def resume(self, names: Sequence[str]) -> None:
        """Let the nodes called `names` work again after `pause` or `isolate`. Safe to call again."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove the nodes called `names` with their data. Safe to call again."""

    def save_data(self, name: str, into: Path) -> None:
        """Copy the data of a node or service that does not run into the folder `into`.

        Raises SpecError where this runtime can't.
        """

    def load_data(self, name: str, source: Path) -> None:
        """Put a copy of the folder `source` in place of the data of a node or service that does not run.

        Raises SpecError where this runtime can't.
        """

    def down(self) -> list[str]:
        """Remove everything, and return what was removed. Safe to call again."""

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """Return every node of the plan, in its order; with `memory` their resident memory too."""

    def services(self) -> list[NodeState]:
        """Return every service of the plan, in its order, with its resident memory."""

    def ui(self) -> NodeState | None:
        """Return the web page that runs beside the nodes, with its memory; None where this runtime runs none."""

    def versions(self) -> dict[str, str]:
        """Return what runs the nodes, and its versions: {"Java": "25.0.1"}."""

    def inspect(self, node: str) -> str:
        """Return everything that the runtime knows of the node, as JSON."""

    def logs(self, node: str, *, tail: int | None) -> str:
        """Return the newest `tail` lines of the log of a node or service (all where None)."""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Yield log lines as they are written, without an end."""

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program inside a node or service, for `seconds` at most, and return its outcome."""

    def exec_interactive(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program inside a node or service on this terminal, and return its exit code."""
