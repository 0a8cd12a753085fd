"""The seam between a lab and what runs its nodes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["running", "exited", "missing"]


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as its runtime sees it. Memory in bytes; `ended` in seconds since 1970, where the runtime knows.

    A node that is running and has a `reason` does not work: `frozen: …`.
    """

    name: str
    state: State
    exit_code: int | None = None
    reason: str = ""
    memory: int | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that was run inside a node, as a person would have typed it, and what came of it."""

    argv: tuple[str, ...]
    exit_code: int | None  # None: it did not end in time and was ended
    stdout: bytes
    stderr: bytes

    @property
    def command(self) -> str:
        """The command, to paste into a shell."""
        return shlex.join(self.argv)


class Progress(Protocol):
    """Who is told how a slow preparation goes."""

    def download(self, done: int, total: int) -> None:
        """`done` of `total` bytes are here."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""


class Runtime(Protocol):
    """One way of running the nodes of a lab. Every method ends in bounded time and raises LabError only."""

    def prepare(self) -> None:
        """Download, pull: slow, apart from the start."""

    def up(self) -> None:
        """Start the nodes that don't run. Safe to call again."""

    def revive(self, node: str) -> bool:
        """Start a node that ended again, where the runtime has a surer way for it; whether it did."""

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the nodes called `names`, all where there are none; keep their data. Safe to call again."""

    def down(self) -> list[str]:
        """Remove everything; what was removed. Safe to call twice."""

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """Every node of the plan, in its order; what memory it has resident where `memory` asks for it."""

    def ui(self) -> NodeState | None:
        """The web page that the runtime runs beside its nodes, with its memory; None where it runs none."""

    def versions(self) -> dict[str, str]:
        """What runs the nodes, and its versions: {"Java": "25.0.1"}."""

    def inspect(self, node: str) -> str:
        """Everything that the runtime knows of the node, as JSON."""

    def logs(self, node: str, *, tail: int | None) -> str:
        """The node's newest `tail` log lines (all where None)."""

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Log lines as they come, without an end."""

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program inside the node, for the checks."""

    def attach(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program inside the node on this terminal; its exit code."""
