"""The local runtime beside the way of Kafka's own scripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.plain import LIMIT, PlainKafka
from bench.timing import Case
from labctl import lab
from labctl.kafkadist.prepared import prepare
from labctl.runlog import Silent
from labctl.spec import default_spec
from labctl.store import LabStore

PEER = "testcontainers-java, stock-like image, one round trip"
PLAIN = "Kafka's scripts: format + start + open port"
BARE = "the same without log4j2, JMX and the collector's log"

MOMENTS = (0.5, 1.0, 1.5, 2.0)  # seconds: while the broker starts, while topics are made, while the checks are asked
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
        lab.reset("homework", LabStore(self._state / "labctl"), Silent())

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


def local_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """`up`, `down` and the quick commands beside the plain way; `at_end` takes away what a failed case left."""
    kafka = prepare(default_spec().kafka.version, Silent())
    plain, bare = PlainKafka(kafka, folder / "plain"), PlainKafka(kafka, folder / "bare", bare=True)
    labctl = Labctl(folder)
    at_end.callback(labctl, "down", "--all")
    labctl.spec("ui: {kind: none}\n")
    labctl.spec("name: paged\nui: {kind: page}\n", "page.yaml")
    paged = ("-f", "page.yaml")
    up = ("up", "--runtime", "local", "--ports", "auto", "--checks")
    name = "labctl up --checks quick"
    return [
        Case(PLAIN, plain.run, plain.prepare, plain.clean_up, memory=plain.memory),
        Case(BARE, bare.run, bare.prepare, bare.clean_up, memory=bare.memory, peer=PLAIN),
        Case(
            name,
            partial(labctl.timed, *up, "quick"),
            clean_up=partial(labctl.timed, "down"),
            peer=PLAIN,
            second_peer=PEER,
            goals={"ratio": 0.55, "second ratio": 0.6, "s": 2.0, "MiB": 350},
            memory=labctl.memory,
        ),
        Case(
            f"{name}, with the lab page",
            partial(labctl.timed, *up, "quick", *paged),
            clean_up=partial(labctl.timed, "down", *paged),
            peer=name,
            goals={"s more": 0.1},
        ),
        Case("labctl up --checks none", partial(labctl.timed, *up, "none"), peer=PLAIN),
        Case("labctl reset", partial(labctl.timed, "reset"), goals={"s": 0.3}),
        Case("the same inside a program", labctl.reset_inside, goals={"s": 0.1}),
        Case("labctl down", partial(labctl.timed, "down"), goals={"s": 1}),
        Case(
            "Ctrl-C in the middle of labctl up: until all is taken away",
            partial(labctl.interrupted, cycle(MOMENTS), *up, "full"),
            goals={"s": 5},
        ),
        Case("labctl --help", partial(labctl.timed, "--help"), goals={"s": 0.1}),
        Case("labctl --version", partial(labctl.timed, "--version"), goals={"s": 0.1}),
        Case("labctl plan", partial(labctl.timed, "plan"), goals={"s": 0.3}),
        Case("labctl render -o -", partial(labctl.timed, "render", "-o", "-"), goals={"s": 0.3}),
    ]
