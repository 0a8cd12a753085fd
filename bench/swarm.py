"""Time and memory of labs on a Docker Swarm of several engines, each in a network namespace of this machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.images import UnavailableError
from bench.labctl import Labctl
from labctl.rendering.templates import render_template
from scripts.swarm_on_one_machine import down, missing, up

IMAGE = "labctl/kafka:4.4.0"
MACHINES = (1, 2, 3)
BROKERS = (1, 3, 5)
PRESETS = ("cluster", "isolated", "secure")
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class SwarmLab:
    """A lab on so many machines: medians of the rounds, in seconds and bytes."""

    machines: int
    lab: str
    verified: float
    memory: float
    removed: float


def measure_swarm(folder: Path, rounds: int, report: Callable[[str], None]) -> list[SwarmLab]:
    """Measure `up` and `down` of labs on 1, 2 and 3 machines. Raises UnavailableError where there can be no swarm."""
    if why := missing():
        raise UnavailableError(why)
    found, before = [], os.environ.get("DOCKER_HOST")
    try:
        for count in MACHINES:
            manager = up(count, [IMAGE])[0]
            os.environ["DOCKER_HOST"] = manager.url
            for title, spec, checks in _labs(count):
                labctl = Labctl(folder / "swarm")
                labctl.spec(spec)
                taken = [_once(labctl, checks) for _ in range(rounds)]
                verified, memory, removed = map(statistics.median, zip(*taken, strict=True))
                found.append(SwarmLab(count, title, verified, memory, removed))
                report(f"swarm: {found[-1]}")
            _use(before)
    finally:
        _use(before)
        down()
    return found


def swarm_table(found: list[SwarmLab]) -> str:
    """Return the labs as a table of Markdown."""
    rows = [
        f"| {each.machines} | {each.lab} | {each.verified:.1f} s | {each.memory / MEBIBYTE:.0f} MiB "
        f"| {each.removed:.1f} s |"
        for each in found
    ]
    head = ["| machines | lab | verified after | memory of its nodes | removed in |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def _use(docker_host: str | None) -> None:
    os.environ.pop("DOCKER_HOST", None)
    if docker_host is not None:
        os.environ["DOCKER_HOST"] = docker_host


def _labs(machines: int) -> list[tuple[str, str, str]]:
    """Titles, lab.yaml and checks of the labs on so many machines."""
    labs = [
        (f"{brokers} combined, `--checks quick`", _spec(f"brokers: {brokers}, placement: any"), "quick")
        for brokers in BROKERS
    ]
    if machines < max(MACHINES):
        return labs
    return labs + [(f"preset {name}, all checks", _preset(name), "full") for name in PRESETS]


def _spec(kafka: str) -> str:
    ports = "listeners: {external: {port: auto}}\nui: {port: auto}\n"
    return f"runtime: swarm\nkafka: {{{kafka}, image: labctl/kafka}}\n{ports}"


def _preset(name: str) -> str:
    text = render_template(f"init/{name}.yaml").replace("runtime: auto", "runtime: swarm")
    return text.replace("kafka:\n", "kafka:\n  image: labctl/kafka\n", 1).replace("port: 9094", "port: auto")


def _once(labctl: Labctl, checks: str) -> tuple[float, int, float]:
    began = time.perf_counter()
    labctl("up", "--name", "swarm", "--checks", checks)
    verified = time.perf_counter() - began
    memory = labctl.memory("--name", "swarm")
    began = time.perf_counter()
    labctl("down", "--name", "swarm")
    return verified, memory, time.perf_counter() - began
