"""What the page remembers of its lab: a sample every few seconds, of the last 15 minutes, in memory alone."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from labctl.errors import LabError
from labctl.kafka.client import KafkaClient
from labctl.plan.model import LabPlan
from labctl.runtime.base import Runtime
from labctl.webui.page.live_kafka import BrokerProbe, LiveKafka
from labctl.webui.page.view_models import is_internal, readable, shown_groups

WINDOW_SECONDS = 900
PAUSE_SECONDS = 5.0
OLDEST_SECONDS = 30.0  # of what is the present
MEMORY_EVERY = 3  # samples: in Docker it takes a command for each container
MOST_PARTITIONS = 1000  # of users' topics: the offsets of 10,000 take seconds
MOST_GROUPS = 20  # a request each


@dataclass(frozen=True, slots=True)
class Sample:
    """What was observed at one moment, in seconds since 1970. What was not observed is not in it."""

    at: float
    written: Mapping[str, int] = field(default_factory=dict)  # {topic: the sum of its end offsets}
    committed: Mapping[tuple[str, str], int] = field(default_factory=dict)  # {(group, topic): the sum of its offsets}
    lag: Mapping[tuple[str, str], int] = field(default_factory=dict)  # {(group, topic): records not yet committed}
    seconds: Mapping[str, float | None] = field(default_factory=dict)  # {broker: for a request; None: no response}
    memory: Mapping[str, int] = field(default_factory=dict)  # {node: bytes}
    left_out: Sequence[str] = ()  # what there is too much of, in words


class Sampler:
    """Takes samples in a thread of its own.

    `open_runtime` returns what knows the memory of nodes. It is called when the lab is up: it loads modules.
    """

    def __init__(self, plan: LabPlan, kafka: LiveKafka, open_runtime: Callable[[], Runtime]) -> None:
        self._names = {node.id: node.name for node in plan.brokers}
        self._kafka, self._open_runtime = kafka, open_runtime
        self._kept: deque[Sample] = deque(maxlen=round(WINDOW_SECONDS / PAUSE_SECONDS) + 1)
        self._taken = 0
        self._memory: Mapping[str, int] = {}

    def start(self) -> None:
        """Take a sample every PAUSE_SECONDS until the process ends. The first is not now: nodes may still start."""
        threading.Thread(target=self._run, daemon=True).start()

    def samples(self) -> list[Sample]:
        """Return the samples of the last 15 minutes, the oldest first."""
        return list(self._kept)

    def newest(self) -> Sample | None:
        """Return the newest sample; None where there is none that is new enough to be the present."""
        last = self._kept[-1] if self._kept else None
        return last if last and time.time() - last.at < OLDEST_SECONDS else None

    def take(self) -> Sample:
        """Take a sample, keep it, and return it."""
        if self._taken % MEMORY_EVERY == 0:
            self._memory = self._measured()
        self._taken += 1
        probes = self._kafka.probe()
        seconds = {self._names[broker]: None if each.reason else each.seconds for broker, each in probes.items()}
        sample = _sample(self._kafka, probes, Sample(time.time(), seconds=seconds, memory=self._memory))
        self._kept.append(sample)
        return sample

    def _measured(self) -> dict[str, int]:
        try:
            states = self._runtime.nodes(memory=True)
        except LabError:  # the engine does not respond
            return {}
        return {state.name: state.memory for state in states if state.memory is not None}

    @cached_property
    def _runtime(self) -> Runtime:
        return self._open_runtime()

    def _run(self) -> None:
        while True:
            time.sleep(PAUSE_SECONDS)
            try:
                self.take()
            except Exception:  # noqa: BLE001 - the page shows everything else
                with contextlib.suppress(OSError):  # page.log is full
                    traceback.print_exc(file=sys.stderr)


def _sample(kafka: LiveKafka, probes: Mapping[int, BrokerProbe], known: Sample) -> Sample:
    """What is `known`, and what Kafka reports of its topics and groups."""
    try:
        found = kafka.connected(probes)
        written, topics_left = _written(found.client, found.brokers)
        groups = shown_groups(found.client, found.brokers, MOST_GROUPS)
    except LabError:
        return known
    committed: dict[tuple[str, str], int] = {}
    lag: dict[tuple[str, str], int] = {}
    unknown: set[tuple[str, str]] = set()  # a partition without a leader: the sum of the others would be too small
    for group in groups.groups:
        for topic, _number, offset, _end, behind in group.rows:
            key = group.name, topic
            committed[key] = committed.get(key, 0) + offset
            unknown |= {key} if behind is None else set()
            lag[key] = lag.get(key, 0) + (behind or 0)
    left_out = [f"{topics_left} topics"] if topics_left else []
    left_out += [f"{groups.more} groups"] if groups.more else []
    lag = {key: behind for key, behind in lag.items() if key not in unknown}
    return replace(known, written=written, committed=committed, lag=lag, left_out=left_out)


def _written(client: KafkaClient, responding: frozenset[int]) -> tuple[dict[str, int], int]:
    """The sums of end offsets by topic, of as many topics as have MOST_PARTITIONS; and how many others there are."""
    described = {name: partitions for name, partitions in client.topics().items() if not is_internal(name)}
    chosen: dict[str, list[int]] = {}
    room = MOST_PARTITIONS
    for name, partitions in sorted(described.items()):
        room -= len(partitions)
        if room >= 0:
            chosen[name] = readable(partitions, responding)
    # a partition without a leader would make its topic's sum smaller
    whole = {name: numbers for name, numbers in chosen.items() if len(numbers) == len(described[name])}
    ranges = client.offset_ranges(whole)
    sums = {name: sum(end for _first, end in found.values()) for name, found in ranges.items()}
    return sums, len(described) - len(chosen)
