"""Labs for the pages about drills: brought up in a folder of their own, counted by a second reader, removed."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer
from pydantic import TypeAdapter

from bench.labctl import Labctl
from labctl.results import DrillResult

TOPICS = "^labctl-drill-[0-9a-f]+$"
RUNTIMES = ("local", "compose")
MEMBER_SECONDS = 30
DRILL_SECONDS = 3600


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
def a_lab(runtime: str, kafka: str, more: str = "") -> Iterator[Labctl]:
    """Bring up a lab with these settings of Kafka in a folder of its own. It is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="labctl-drills-") as folder:
        labctl = Labctl(Path(folder))
        image = ", image: labctl/kafka" if runtime == "compose" else ""
        labctl.spec(
            f"name: drills\nruntime: {runtime}\nkafka: {{{kafka}{image}}}\n"
            f"listeners: {{external: {{port: auto}}}}\nui: {{kind: none}}\nchecks: quick\n{more}"
        )
        try:
            labctl("up")
            yield labctl
        finally:
            labctl("down", "--all")


def drilled(labctl: Labctl, kind: str, *options: str) -> tuple[DrillResult, str, list[int]]:
    """Run a drill in a lab.

    Returns its result, Kafka's version, and the records that the second reader counted in each run.
    """
    reader = SecondReader(labctl.status()["endpoints"]["external"])
    reader.start()
    try:
        # exit code 1: records were lost
        report = json.loads(labctl("drill", kind, *options, "--json", codes=(0, 1), seconds=DRILL_SECONDS))
    finally:
        counted = reader.end()
    (result,) = TypeAdapter(list[DrillResult]).validate_python(report["drills"])
    return result, report["kafka_version"], counted


def again(result: DrillResult, counted: list[int]) -> str:
    """Return whether the second reader counted the same records, in words."""
    read = [run.read for run in result.runs]
    return "the same" if counted == read else f"{sum(counted):,} of {sum(read):,}"
