"""Faults of a swarm under a writer and a reader that are not labctl's: writes the table of docs/swarm.md.

    python -m scripts.swarm_faults [--times 5] [--fault drain]

It needs what scripts/swarm_on_one_machine.py needs, and the image in the engine that docker reaches.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.labctl import Labctl
from labctl.drills.accounts import Balance, balance, total
from scripts.swarm_on_one_machine import Machine, down, missing, up
from scripts.swarm_page import write_part

IMAGE = "labctl/kafka:4.4.0"
TOPIC, PARTITIONS = "orders", 3
PAUSE = 0.1  # seconds between two records of a partition
BEFORE, HELD, AFTER = 5.0, 12.0, 5.0
WHOLE_SECONDS = 120.0
HEAPS = itertools.cycle(["400m", "450m"])
LAB = """\
name: faults
kafka: {brokers: 3, image: labctl/kafka%s}
listeners: {external: {port: auto}}
ui: {kind: none}
checks: none
topics: [{name: orders, partitions: 3}]
"""


@dataclass
class Acknowledged:
    """What was acknowledged to a writer: the numbers of each partition in their order, and when."""

    numbers: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    times: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)

    def longest_gap(self, since: float) -> float:
        """Return the longest time without an acknowledgement in any one partition, in seconds, since a moment."""
        gaps = [0.0]
        for times in self.times.values():
            own = [each for each in times if each >= since]
            gaps += [later - earlier for earlier, later in itertools.pairwise(own)]
        return max(gaps)


class Writing(threading.Thread):
    """An idempotent librdkafka producer with acks=all, until it is ended."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0}
        self._producer = Producer(settings | {"delivery.timeout.ms": 180_000})
        self._ending = threading.Event()
        self.acknowledged = Acknowledged()

    def run(self) -> None:
        """Write a number to each partition, ten times a second."""
        number = 0
        while not self._ending.wait(PAUSE):
            for partition in range(PARTITIONS):
                self._producer.produce(TOPIC, str(number), partition=partition, on_delivery=self._delivered)
            self._producer.poll(0)
            number += 1
        self._producer.flush(180)

    def _delivered(self, error: Any, message: Any) -> None:
        if error:
            self.acknowledged.errors.append(str(error))
            return
        self.acknowledged.numbers[message.partition()].append(int(message.value()))
        self.acknowledged.times[message.partition()].append(time.monotonic())

    def end(self) -> Acknowledged:
        """Return what was acknowledged, when all of it is."""
        self._ending.set()
        self.join()
        return self.acknowledged


class Reading(threading.Thread):
    """A librdkafka consumer that reads the topic as it grows."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "faults", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
        self._ending = threading.Event()
        self.numbers: dict[int, list[int]] = defaultdict(list)

    def run(self) -> None:
        """Read until it is ended."""
        while not self._ending.is_set():
            for message in self._consumer.consume(500, 0.2):
                if not message.error():
                    self.numbers[message.partition() or 0].append(int(message.value() or 0))

    def end(self, wanted: int) -> dict[int, list[int]]:
        """Return what was read, when it is as much as `wanted`, or nothing more comes."""
        give_up = time.monotonic() + 60
        while sum(map(len, self.numbers.values())) < wanted and time.monotonic() < give_up:
            time.sleep(0.2)
        time.sleep(2)
        self._ending.set()
        self.join()
        self._consumer.close()
        return self.numbers


@dataclass(frozen=True)
class Outcome:
    """What one fault did."""

    fault: str
    gap: float  # seconds
    balance: Balance
    whole: float  # seconds from the end of the fault until each ISR is full


# -- the faults --------------------------------------------------------------


Fault = Callable[[Labctl, list[Machine]], Iterator[None]]


def kill_leader(labctl: Labctl, _machines: list[Machine]) -> Iterator[None]:
    """SIGKILL for the node that leads the quorum, by labctl, which starts it again."""
    node = _leader(labctl)
    labctl("node", "kill", node)
    yield
    labctl("node", "start", node)


def kill_container(labctl: Labctl, machines: list[Machine]) -> Iterator[None]:
    """SIGKILL for the container of the node that leads the quorum: Swarm starts another."""
    machine = _machine_of(labctl, machines, _leader(labctl))
    names = machine.docker("ps", "--filter", "name=_broker-", "--format", "{{.Names}}").split()
    machine.docker("kill", names[0])
    yield


def on_a_worker(begin: Callable[[Machine], None], end: Callable[[Machine], None]) -> Fault:
    """Return the fault that begins and ends on the machine of the quorum's leader."""

    def fault(labctl: Labctl, machines: list[Machine]) -> Iterator[None]:
        machine = _worker(labctl, machines)
        begin(machine)
        yield
        end(machine)

    return fault


def drain(labctl: Labctl, machines: list[Machine]) -> Iterator[None]:
    """Docker node update --availability drain."""
    machine = _worker(labctl, machines)
    machines[0].docker("node", "update", "--availability", "drain", machine.name)
    yield
    machines[0].docker("node", "update", "--availability", "active", machine.name)


def rolling_change(labctl: Labctl, _machines: list[Machine]) -> Iterator[None]:
    """`labctl up` with another heap: one broker after another."""
    labctl.spec(LAB % f", heap: {next(HEAPS)}")
    labctl("up", "--runtime", "swarm", seconds=300)
    yield


FAULTS: dict[str, Fault] = {
    "quorum leader killed": kill_leader,
    "container killed, Swarm starts another": kill_container,
    "dockerd killed": on_a_worker(Machine.kill_engine, Machine.start),
    "network cut": on_a_worker(Machine.cut, Machine.plug),
    "powered off": on_a_worker(Machine.power_off, Machine.start),
    "drained": drain,
    "rolling change": rolling_change,
}
AT_ONCE = 1.0
LASTS = {  # seconds; the others HELD
    "rolling change": AT_ONCE,
    "container killed, Swarm starts another": AT_ONCE,
    "network cut": 25.0,  # longer than Swarm needs to notice it
    "powered off": 25.0,
}


def _status(labctl: Labctl) -> dict[str, Any]:
    """The document of `labctl status`, which ends with another code than 0 while a node is away."""
    return dict(json.loads(labctl("status", "--json", codes=range(256))))


def _leader(labctl: Labctl) -> str:
    document = _status(labctl)
    return next(str(node["name"]) for node in document["nodes"] if node["id"] == document["quorum"]["leader"])


def _machine_of(labctl: Labctl, machines: list[Machine], node: str) -> Machine:
    where = {each["name"]: each["swarm_node"] for each in _status(labctl)["nodes"]}
    return next(machine for machine in machines if machine.name == where[node])


def _worker(labctl: Labctl, machines: list[Machine]) -> Machine:
    """The machine of the quorum's leader; where that is the manager, which one terminal needs, the next one."""
    machine = _machine_of(labctl, machines, _leader(labctl))
    return machines[1] if machine is machines[0] else machine


# -- one run -----------------------------------------------------------------


def run(name: str, fault: Fault, labctl: Labctl, machines: list[Machine]) -> Outcome:
    """Make a fault under a writer and a reader, undo it, and return what it did."""
    labctl("reset")
    bootstrap = _status(labctl)["endpoints"]["external"]
    reading, writing = Reading(bootstrap), Writing(bootstrap)
    reading.start()
    writing.start()
    time.sleep(BEFORE)
    began = time.monotonic()
    for number, _ in enumerate(fault(labctl, machines)):
        assert number == 0
        time.sleep(LASTS.get(name, HELD))
    ended = time.monotonic()
    _await_whole(labctl)
    whole = time.monotonic() - ended
    time.sleep(AFTER)
    written = writing.end()
    read = reading.end(sum(map(len, written.numbers.values())))
    sums = total([balance(numbers, read[partition]) for partition, numbers in written.numbers.items()])
    if written.errors:
        print(f"{name}: {len(written.errors)} errors: {written.errors[0]}", file=sys.stderr)
    return Outcome(name, written.longest_gap(began - 1), sums, whole)


def _await_whole(labctl: Labctl) -> None:
    give_up = time.monotonic() + WHOLE_SECONDS
    while time.monotonic() < give_up:
        document = _status(labctl)
        partitions = document.get("partitions")
        if document.get("state") == "running" and partitions and not partitions["isr_not_full"]:
            return
        time.sleep(0.5)
    raise TimeoutError(f"not whole after {WHOLE_SECONDS} s: {document}")


@contextmanager
def a_lab(count: int) -> Iterator[tuple[Labctl, list[Machine]]]:
    """A swarm of `count` machines with a lab of three brokers, and the command labctl for it."""
    machines = up(count, [IMAGE])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DOCKER_HOST"] = machines[0].url
        labctl = Labctl(Path(folder))
        labctl.spec(LAB % "")
        try:
            labctl("up", "--runtime", "swarm", seconds=200)
            yield labctl, machines
        finally:
            labctl("down", codes=range(256), seconds=120)
            down()


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a table of Markdown."""
    head = "fault | times | longest gap: median, maximum (s) | each ISR full after it, median (s) | acknowledged"
    lines = [f"| {head} | lost | duplicated | in order |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name in dict.fromkeys(each.fault for each in outcomes):
        own = [each for each in outcomes if each.fault == name]
        gaps = [each.gap for each in own]
        sums = total([each.balance for each in own])
        whole = statistics.median(each.whole for each in own)
        lines.append(
            f"| {name} | {len(own)} | {statistics.median(gaps):.1f}, {max(gaps):.1f} | {whole:.1f} "
            f"| {sums.acknowledged:,} | {sums.lost} | {sums.duplicated} | {'no' if sums.out_of_order else 'yes'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the faults, and write the table where all were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--fault", choices=FAULTS, action="append")
    options = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    outcomes = []
    with a_lab(3) as (labctl, machines):
        for name in options.fault or FAULTS:
            for _ in range(options.times):
                outcome = run(name, FAULTS[name], labctl, machines)
                print(outcome, file=sys.stderr, flush=True)
                outcomes.append(outcome)
    print(table(outcomes))
    if not options.fault:
        write_part("faults", table(outcomes))


if __name__ == "__main__":
    main()
