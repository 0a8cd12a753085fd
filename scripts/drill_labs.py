"""Labs for the pages about drills: brought up in a folder of their own, counted by a second reader, removed."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from pydantic import TypeAdapter

from bench.labctl import Labctl
from labctl.lab.drill import TOPIC_PREFIX
from labctl.results import DrillResult

TOPIC = re.compile(f"{TOPIC_PREFIX}[0-9a-f]+")  # those of the drill `partitions` have a number too
LOOK_SECONDS = 0.2
RUNTIMES = ("local", "compose")
MEMBER_SECONDS = 30
DRILL_SECONDS = 3600


class SecondReader(threading.Thread):
    """A reader of librdkafka: it counts the records of each topic of a drill, in the order of the topics.

    It is in no group: a coordinator that ended would keep it waiting for longer than some drills take.
    """

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "second-reader",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._ending = threading.Event()
        self._offsets: dict[str, dict[int, set[int]]] = {}  # {topic: {partition: offsets}}

    def run(self) -> None:
        """Read until `end`."""
        while not self._ending.is_set():
            self._assign_new()
            for message in self._consumer.consume(1000, LOOK_SECONDS):
                if not message.error():
                    self._offsets[message.topic() or ""][message.partition() or 0].add(message.offset() or 0)
        self._consumer.close()

    def _assign_new(self) -> None:
        """Read the partitions that it does not read yet from their beginning."""
        try:
            found = self._consumer.list_topics(timeout=1).topics
        except KafkaException:  # no broker responds just now
            return
        new = [
            TopicPartition(name, partition, OFFSET_BEGINNING)
            for name, topic in found.items()
            if TOPIC.fullmatch(name)
            for partition in topic.partitions
            if partition not in self._offsets.get(name, {})
        ]
        for place in new:
            self._offsets.setdefault(place.topic, {})[place.partition] = set()
        if new:
            self._consumer.incremental_assign(new)

    def end(self) -> list[int]:
        """Stop reading, and return the records of each topic."""
        self._ending.set()
        self.join(MEMBER_SECONDS)
        return [sum(map(len, partitions.values())) for partitions in self._offsets.values()]


@contextlib.contextmanager
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
