"""Labs for the pages about drills: brought up in a folder of their own, counted by a second reader, removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer
from pydantic import TypeAdapter

from labctl.results import DrillResult

TOPICS = "^labctl-drill-[0-9a-f]+$"
RUNTIMES = ("local", "compose")
MEMBER_SECONDS = 30


class SecondReader(threading.Thread):
    """A reader of librdkafka: it counts the records of each topic of a drill, in the order of the topics."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"second-reader-{os.getpid()}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._ending = threading.Event()
        self._offsets: dict[str, set[tuple[int, int]]] = {}

    def run(self) -> None:
        """Read until `end`."""
        self._consumer.subscribe([TOPICS])
        while not self._ending.is_set():
            for message in self._consumer.consume(1000, 0.2):
                if not message.error():
                    place = (message.partition() or 0, message.offset() or 0)
                    self._offsets.setdefault(message.topic() or "", set()).add(place)
        self._consumer.close()

    def end(self) -> list[int]:
        """Stop reading, and return the records of each topic."""
        self._ending.set()
        self.join(MEMBER_SECONDS)
        return [len(found) for found in self._offsets.values()]


@contextmanager
def a_lab(runtime: str, kafka: str, more: str = "") -> Iterator[Path]:
    """Bring up a lab with these settings of Kafka in a folder of its own. It is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="labctl-drills-") as name:
        folder = Path(name)
        image = ", image: labctl/kafka" if runtime == "compose" else ""
        (folder / "lab.yaml").write_text(
            f"name: drills\nruntime: {runtime}\nkafka: {{{kafka}{image}}}\n"
            f"listeners: {{external: {{port: auto}}}}\nui: {{kind: none}}\nchecks: quick\n{more}",
            encoding="utf-8",
        )
        try:
            labctl(folder, "up")
            yield folder
        finally:
            labctl(folder, "down")


def drilled(folder: Path, kind: str, *options: str) -> tuple[DrillResult, str, list[int]]:
    """Run a drill in the lab of a folder.

    Returns its result, Kafka's version, and the records that the second reader counted in each run.
    """
    reader = SecondReader(status(folder)["endpoints"]["external"])
    reader.start()
    try:
        report = json.loads(labctl(folder, "drill", kind, *options, "--json"))
    finally:
        counted = reader.end()
    (result,) = TypeAdapter(list[DrillResult]).validate_python(report["drills"])
    return result, report["kafka_version"], counted


def status(folder: Path) -> dict[str, Any]:
    """Return what `labctl status` reports of the lab of a folder."""
    found: dict[str, Any] = json.loads(labctl(folder, "status", "--json"))
    return found


def labctl(folder: Path, *arguments: str) -> str:
    """Run labctl in a folder, with its state there, and return what it printed. Raises CalledProcessError."""
    environment = os.environ | {"XDG_STATE_HOME": str(folder / "state")}
    command = [sys.executable, "-m", "labctl", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode and not (arguments[0] == "drill" and done.returncode == 1):  # 1: records were lost
        done.check_returncode()
    return done.stdout


def again(result: DrillResult, counted: list[int]) -> str:
    """Return whether the second reader counted the same records, in words."""
    read = [run.read for run in result.runs]
    return "the same" if counted == read else f"{sum(counted):,} of {sum(read):,}"
