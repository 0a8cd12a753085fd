"""The command labctl, as the timings run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.plain import LIMIT
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore

INTERRUPTED = 130


class Labctl:
    """The command labctl with state and work folders of its own."""

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
        """Bytes that the nodes of the lab have resident."""
        return sum(node["memory"] for node in self.status(*arguments)["nodes"])

    def status(self, *arguments: str) -> dict[str, Any]:
        """What `labctl status --json` tells."""
        return dict(json.loads(self("status", "--json", *arguments)))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it, beside others."""
        command = [sys.executable, "-m", "labctl", *arguments]
        return subprocess.Popen(
            command, cwd=self._work, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def interrupted(self, moments: Iterator[float], *arguments: str) -> float:
        """Start it, press Ctrl-C at the next of `moments`; the seconds from there to its end."""
        process = self.start(*arguments)
        time.sleep(next(moments))
        process.send_signal(signal.SIGINT)
        pressed = time.perf_counter()
        code = process.wait(LIMIT)
        took = time.perf_counter() - pressed
        if code != INTERRUPTED:
            raise RuntimeError(f"labctl {' '.join(arguments)} ended with {code} after Ctrl-C")
        return took

    def reset_inside(self) -> None:
        """What `labctl.testing.Lab.reset` does between two tests."""
        lifecycle.reset("homework", LabStore(self._state / "labctl"), NullReporter())

    def __call__(self, *arguments: str) -> str:
        """Run it to its end; what it printed. Raises where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *arguments],
            cwd=self._work,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"labctl {' '.join(arguments)}: {done.stderr}{done.stdout}")
        return done.stdout

    def timed(self, *arguments: str) -> None:
        """Run it to its end."""
        self(*arguments)
