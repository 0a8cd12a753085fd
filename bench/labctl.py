"""The command labctl, as the cases run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bench.plain import LIMIT
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore

INTERRUPTED = 130


class Labctl:
    """The command labctl, with its own state folder and work folder."""

    def __init__(self, folder: Path) -> None:
        self._work = folder / "work"
        self._work.mkdir(parents=True, exist_ok=True)
        self._state = folder / "state"
        self._environment = {**os.environ, "XDG_STATE_HOME": str(self._state)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def spec(self, text: str, name: str = "lab.yaml") -> None:
        """Write a lab.yaml."""
        (self._work / name).write_text(text)

    def memory(self, *arguments: str) -> int:
        """Return the resident memory of the lab's nodes, in bytes."""
        return sum(node["memory"] for node in self.status(*arguments)["nodes"])

    def status(self, *arguments: str) -> dict[str, Any]:
        """Return the document of `labctl status --json`."""
        return dict(json.loads(self("status", "--json", *arguments)))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start labctl, and return its process without waiting for it."""
        command = [sys.executable, "-m", "labctl", *arguments]
        return subprocess.Popen(
            command, cwd=self._work, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def interrupted(self, moments: Iterator[float], *arguments: str) -> float:
        """Start labctl, interrupt it at the next of `moments`, and return the seconds from the interrupt to its end."""
        process = self.start(*arguments)
        time.sleep(next(moments))
        process.send_signal(signal.SIGINT)
        interrupted_at = time.perf_counter()
        code = process.wait(LIMIT)
        took = time.perf_counter() - interrupted_at
        if code != INTERRUPTED:
            raise RuntimeError(f"labctl {' '.join(arguments)} ended with {code} after Ctrl-C")
        return took

    def reset_inside(self) -> None:
        """Reset the lab as `labctl.testing.Lab.reset` does between two tests."""
        lifecycle.reset("homework", LabStore(self._state / "labctl"), NullReporter())

    def __call__(self, *arguments: str, codes: Collection[int] = (0,), seconds: float = LIMIT) -> str:
        """Run labctl to its end, and return its output. Raises RuntimeError where its exit code is none of `codes`."""
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *arguments],
            cwd=self._work,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode not in codes:
            raise RuntimeError(f"labctl {' '.join(arguments)}: {done.stderr}{done.stdout}")
        return done.stdout

    def timed(self, *arguments: str) -> None:
        """Run labctl to its end; the time is measured by the caller."""
        self(*arguments)
