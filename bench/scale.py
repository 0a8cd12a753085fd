"""Time and memory by size: nodes of a lab, labs at the same time, partitions of a topic."""

from __future__ import annotations

import statistics
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.labctl import Labctl
from bench.plain import LIMIT
from labctl.kafka.client import KafkaClient
from labctl.system.waiting import Deadline, NotReady, wait_until

NODES = (1, 3, 5)
LABS = (1, 2, 5, 10)
PARTITIONS = (10, 100, 1000)
PLANNED = (1000, 10_000)  # partitions of a whole lab
PARTITIONS_PER_TOPIC = 100
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class SizeSeries:
    """Seconds and bytes for each size: medians of the rounds. No memory where a size takes none of its own."""

    what: str
    unit: str
    seconds: dict[int, float]
    memory: dict[int, float]


def measure_sizes(folder: Path, rounds: int, report: Callable[[str], None]) -> list[SizeSeries]:
    """Measure all sizes in each round, in the local runtime, and return the medians."""
    labctl = Labctl(folder / "scale")
    seconds: dict[str, dict[int, list[float]]] = {}
    memory: dict[str, dict[int, list[float]]] = {}

    def record(what: str, size: int, took: float, resident: float = 0) -> None:
        seconds.setdefault(what, {}).setdefault(size, []).append(took)
        if resident:
            memory.setdefault(what, {}).setdefault(size, []).append(resident)

    try:
        for number in range(rounds):
            for size in NODES:
                record("nodes", size, *_nodes(labctl, size))
            for size in LABS:
                record("labs", size, *_labs(labctl, size))
            for size, took in _partitions(labctl).items():
                record("partitions", size, took)
            for size in PLANNED:
                took, resident, page = _planned(labctl, size)
                record("planned", size, took, resident)
                record("overview", size, page)
            report(f"sizes: round {number + 1} of {rounds}")
    finally:
        labctl("down", "--all")
    units = {
        "nodes": "nodes of one lab, combined: `up --checks quick`",
        "labs": "labs at once, by as many processes: until the last is verified",
        "partitions": "partitions of a new topic: until each has its leader",
        "planned": f"partitions of a lab, {PARTITIONS_PER_TOPIC} in each topic: `up` with all checks",
        "overview": "partitions of a lab: the page's overview",
    }
    return [
        SizeSeries(
            what,
            unit,
            {size: statistics.median(found) for size, found in seconds[what].items()},
            {size: statistics.median(found) for size, found in memory.get(what, {}).items()},
        )
        for what, unit in units.items()
    ]


def sizes_table(by_size: list[SizeSeries]) -> str:
    """Return a Markdown table of all sizes."""
    lines = ["| size | | seconds | memory of the nodes | for each one |", "| --- | --- | --- | --- | --- |"]
    for series in by_size:
        for size, took in series.seconds.items():
            memory, each = "", f"{took / size:.2g} s"
            if size in series.memory:
                memory = f"{series.memory[size] / MEBIBYTE:.0f} MiB"
                each += f", {series.memory[size] / MEBIBYTE / size:.0f} MiB"
            lines.append(f"| {size} | {series.unit} | {took:.2f} | {memory} | {each} |")
    return "\n".join(lines)


def _up(name: str) -> tuple[str, ...]:
    return ("up", "--runtime", "local", "--name", name, "--ports", "auto", "--checks", "quick")


def _nodes(labctl: Labctl, size: int) -> tuple[float, int]:
    labctl.spec(f"kafka: {{brokers: {size}}}\nui: {{kind: none}}\n")
    started = time.perf_counter()
    labctl(*_up("nodes"))
    took = time.perf_counter() - started
    resident = labctl.memory("--name", "nodes")
    labctl("down", "--name", "nodes")
    return took, resident


def _labs(labctl: Labctl, size: int) -> tuple[float, int]:
    labctl.spec("ui: {kind: none}\n")
    names = [f"lab{number}" for number in range(size)]
    started = time.perf_counter()
    starting = [labctl.start(*_up(name)) for name in names]
    codes = [process.wait(LIMIT) for process in starting]
    took = time.perf_counter() - started
    if any(codes):
        reports = [labctl("report", "--name", name) for name, code in zip(names, codes, strict=True) if code]
        raise RuntimeError(f"of {size} labs at once some did not come up: {codes}\n{''.join(reports)}")
    resident = sum(labctl.memory("--name", name) for name in names)
    labctl("down", "--all")
    return took, resident


def _partitions(labctl: Labctl) -> dict[int, float]:
    """Return {number of partitions: seconds}, on a running lab."""
    labctl.spec("ui: {kind: none}\n")
    labctl(*_up("partitions"))
    external = labctl.status("--name", "partitions")["endpoints"]["external"]
    took = {}
    with KafkaClient(external) as client:
        client.topics()
        for size in PARTITIONS:
            name = f"with-{size}"

            def require_leaders(name: str = name, size: int = size) -> None:
                partitions = client.topics([name]).get(name, ())
                if len(partitions) < size or any(partition.leader < 0 for partition in partitions):
                    raise NotReady(f"{len(partitions)} partitions")

            started = time.perf_counter()
            client.create_topics({name: (size, 1, {})})
            wait_until(require_leaders, what=f"{size} partitions", deadline=Deadline.after(LIMIT))
            took[size] = time.perf_counter() - started
    labctl("down", "--name", "partitions")
    return took


def _planned(labctl: Labctl, size: int) -> tuple[float, int, float]:
    """Return seconds and memory of a lab with so many partitions, and the seconds of the page's overview."""
    topics = "".join(
        f"  - {{name: topic-{number:03}, partitions: {PARTITIONS_PER_TOPIC}}}\n"
        for number in range(size // PARTITIONS_PER_TOPIC)
    )
    labctl.spec(f"ui: {{kind: page}}\ntopics:\n{topics}")
    started = time.perf_counter()
    labctl("up", "--runtime", "local", "--name", "planned", "--ports", "auto", "--checks", "full")
    took = time.perf_counter() - started
    status = labctl.status("--name", "planned")
    started = time.perf_counter()
    with urllib.request.urlopen(status["ui"]["url"], timeout=LIMIT) as response:
        response.read()
    page = time.perf_counter() - started
    labctl("down", "--name", "planned")
    return took, sum(node["memory"] for node in status["nodes"]), page
