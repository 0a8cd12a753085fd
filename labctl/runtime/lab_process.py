"""A process of a lab beside its nodes, as its page and its proxy are: its start, its state, its end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from labctl.runtime.base import NodeState
from labctl.system import processes
from labctl.system.files import file_errors
from labctl.system.processes import ProcessId

PYTHON = (sys.executable, "-P", "-X", "utf8")  # without the current folder; UTF-8 in any locale


@dataclass(frozen=True, slots=True)
class LabProcess:
    """The process `name` of the lab with the state folder `lab_state`.

    Its last argument, `mark` and that folder, is how `down` finds what a killed labctl left.
    """

    name: str
    mark: str
    lab_state: str

    @property
    def folder(self) -> Path:
        """Where it has its files: pid.json, its log NAME.log, and its own."""
        return Path(self.lab_state) / self.name

    @property
    def running(self) -> psutil.Process | None:
        """The process, where it runs."""
        known = ProcessId.load(self.folder / "pid.json")
        return known.process() if known else None

    @property
    def argument(self) -> str:
        """The argument by which it is found."""
        return f"{self.mark}{self.lab_state}"

    def start(self, module: str, *arguments: str, stdin: IO[Any], sockets: Sequence[int]) -> None:
        """Run a module of Python, which inherits `sockets` and reads `stdin` from its beginning. Raises OSError."""
        stdin.seek(0)
        command = [*PYTHON, "-m", module, *arguments, self.argument]
        self.launch(command, self.folder / f"{self.name}.log", stdin=stdin, sockets=sockets)

    def launch(
        self,
        command: Sequence[str],
        output: Path,
        *,
        stdin: IO[Any] | int = subprocess.DEVNULL,
        sockets: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Run a command, one of whose arguments is `argument`, in a session of its own, and return its process.

        It inherits `sockets`, and writes to the file `output`. Raises OSError.
        """
        (self.folder / "pid.json").unlink(missing_ok=True)
        with output.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=sockets,
                cwd=self.folder if environment else None,
                env=environment,
                start_new_session=True,
            )
        if identity := ProcessId.of(process.pid):
            identity.save(self.folder / "pid.json")
        return process

    def stop(self, *files: str) -> list[str]:
        """End it, delete pid.json and `files` of its folder, and return what was ended.

        Raises HostError where a file can't be deleted.
        """
        found = {process.pid: process for process in processes.with_argument(self.argument)}
        if running := self.running:
            found[running.pid] = running
        processes.kill(list(found.values()))
        for path in (self.folder / name for name in ("pid.json", *files)):
            with file_errors(path, "fix the folder, then run the command again"):
                path.unlink(missing_ok=True)
        return [f"{self.name} (pid {pid})" for pid in found]

    def state(self) -> NodeState:
        """Return its state, with its memory in bytes."""
        with contextlib.suppress(psutil.Error):  # it may end at any moment
            if running := self.running:
                return NodeState(self.name, "running", memory=running.memory_info().rss)
        return NodeState(self.name, "missing")
