"""The report as one self-contained HTML file: the lab drawn, the timeline, the checks with their transcripts."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.render import render_template
from labctl.report.words import SIGNS, UI_NAMES, headline, memory
from labctl.results import CheckResult, NodeResult, RunResult, Status, StepResult

NARROWEST = 0.6  # percent: a bar that took no time is seen too
DOORS = {
    "EXTERNAL": "clients on this machine",
    "INTERNAL": "clients inside, and brokers among themselves",
    "CONTROLLER": "controllers",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the timeline; `left` and `width` in percent of the whole run."""

    name: str
    kind: str  # step, layer, check
    status: Status
    at: float
    seconds: float
    detail: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Door:
    """A listener in the drawing."""

    name: str
    address: str
    protocol: str
    whom: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a partition on a node."""

    partition: str
    part: str  # leader, follower, out of sync


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node in the drawing."""

    node: NodeResult
    doors: tuple[Door, ...]
    copies: tuple[Copy, ...]


def to_html(run: RunResult, home: str = "") -> str:
    """One file that loads nothing from outside; `home` is where a way back leads."""
    return render_template(
        "report/report.html.j2",
        run=run,
        home=home,
        headline=headline(run),
        signs=SIGNS,
        ui_names=UI_NAMES,
        memory=memory,
        bars=timeline(run),
        nodes=[_drawn(run, node) for node in run.nodes],
    )


def timeline(run: RunResult) -> list[Bar]:
    """Steps, layers and checks in the order in which they began; a layer and a check stand below their step."""
    rows: list[tuple[str, str, StepResult | CheckResult]] = []
    layers: list[tuple[str, str, StepResult | CheckResult]] = []  # each ends, and is kept, before its step
    for one in run.steps:
        if one.name.startswith("ready: "):
            layers.append(("layer", one.name.removeprefix("ready: "), one))
            continue
        rows += [("step", one.name, one), *layers]
        layers = []
        if one.name == "checks":
            asked = [check for check in run.checks if check.status != "skipped"]
            rows += [("check", check.name, check) for check in sorted(asked, key=lambda check: check.at)]
    whole = max([run.seconds, *(one.at + one.seconds for _kind, _name, one in rows)]) or 1.0
    return [
        Bar(
            name=name,
            kind=kind,
            status=one.status,
            at=one.at,
            seconds=one.seconds,
            detail=one.detail,
            left=round(min(100 * one.at / whole, 100 - NARROWEST), 2),
            width=round(max(100 * one.seconds / whole, NARROWEST), 2),
        )
        for kind, name, one in rows
    ]


def _drawn(run: RunResult, node: NodeResult) -> DrawnNode:
    doors = [
        Door(one.name, one.advertised or f"{node.name}:{one.port}", one.protocol, DOORS.get(one.name, ""))
        for one in sorted(node.listeners, key=lambda one: one.name != "EXTERNAL")
    ]
    copies = [
        Copy(
            f"{topic.name}-{one.number}",
            "leader" if one.leader == node.id else "follower" if node.id in one.in_sync else "out of sync",
        )
        for topic in run.topics
        for one in topic.partitions
        if node.id in one.replicas
    ]
    return DrawnNode(node, tuple(doors), tuple(copies))
