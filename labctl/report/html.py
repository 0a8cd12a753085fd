"""The report as one self-contained HTML file: a drawing of the lab, a timeline, the checks with their transcripts."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.rendering.templates import render_template
from labctl.report.drills import COLUMNS, HEIGHT, WIDTH, drawn_runs, failed_requests, rows
from labctl.report.summary import SIGNS, UI_NAMES, memory, summary
from labctl.results import CheckResult, NodeResult, Partition, RunResult, Status, StepResult
from labctl.service_kinds import SERVICES

MOST_PARTITIONS = 200  # in the table; the JSON report has all
NARROWEST = 0.6  # percent: a bar that took no time is visible too
LISTENER_CLIENTS = {
    "EXTERNAL": "clients",
    "INTERNAL": "clients inside, and the brokers among themselves",
    "CONTROLLER": "controllers",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the timeline; `left` and `width` in percent of the whole run."""

    name: str
    kind: str  # step, part, check
    status: Status
    at: float
    seconds: float
    detail: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class DrawnListener:
    """A listener in the drawing."""

    name: str
    address: str
    protocol: str
    clients: str


@dataclass(frozen=True, slots=True)
class DrawnReplica:
    """A replica of a partition on a node."""

    partition: str
    part: str  # leader, follower, out of sync


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node in the drawing."""

    node: NodeResult
    listeners: tuple[DrawnListener, ...]
    replicas: tuple[DrawnReplica, ...]


def to_html(run: RunResult, home: str = "") -> str:
    """Return one file that loads nothing; `home` is the address of a link back, "" for none."""
    partitions = _faulty_first(run)
    return render_template(
        "report/report.html.j2",
        run=run,
        home=home,
        summary=summary(run),
        signs=SIGNS,
        ui_names=UI_NAMES,
        service_titles={kind: service.title for kind, service in SERVICES.items()},
        memory=memory,
        bars=timeline(run),
        partitions=partitions,
        most_partitions=MOST_PARTITIONS,
        nodes=[_drawn(partitions, node) for node in run.nodes],
        drills=[(drill, rows(drill), drawn_runs(drill), failed_requests(drill)) for drill in run.drills],
        drill_columns=COLUMNS,
        drill_size=(WIDTH, HEIGHT),
    )


def timeline(run: RunResult) -> list[Bar]:
    """Return steps, parts and checks in the order in which they began; parts and checks come below their step."""
    rows = _rows(run)
    total = max([run.seconds, *(result.at + result.seconds for _kind, _name, result in rows)]) or 1.0
    return [
        Bar(
            name=name,
            kind=kind,
            status=result.status,
            at=result.at,
            seconds=result.seconds,
            detail=result.detail,
            left=round(min(100 * result.at / total, 100 - NARROWEST), 2),
            width=round(max(100 * result.seconds / total, NARROWEST), 2),
        )
        for kind, name, result in rows
    ]


def _faulty_first(run: RunResult) -> list[tuple[str, Partition]]:
    """(topic, partition) of all partitions."""
    partitions = [(topic.name, partition) for topic in run.topics for partition in topic.partitions]
    return sorted(partitions, key=lambda pair: pair[1].problem(pair[0]) is None)


def _rows(run: RunResult) -> list[tuple[str, str, StepResult | CheckResult]]:
    """(kind, name, result) of each bar."""
    rows: list[tuple[str, str, StepResult | CheckResult]] = []
    parts: list[tuple[str, str, StepResult | CheckResult]] = []  # each ends before its step
    for step in run.steps:
        name, _, part = step.name.partition(": ")
        if part:
            parts.append(("part", part, step))
            continue
        rows += [("step", name, step), *parts]
        parts = []
        if step.name == "checks":
            ran = [check for check in run.checks if check.status != "skipped"]
            rows += [("check", check.name, check) for check in sorted(ran, key=lambda check: check.at)]
    return rows


def _drawn(partitions: list[tuple[str, Partition]], node: NodeResult) -> DrawnNode:
    listeners = [
        DrawnListener(
            listener.name,
            listener.advertised or f"{node.name}:{listener.port}",
            listener.protocol,
            LISTENER_CLIENTS.get(listener.name, ""),
        )
        for listener in sorted(node.listeners, key=lambda listener: listener.name != "EXTERNAL")
    ]
    replicas = [
        DrawnReplica(f"{topic}-{partition.number}", _part(partition, node.id))
        for topic, partition in partitions
        if node.id in partition.replicas
    ]
    return DrawnNode(node, tuple(listeners), tuple(replicas))


def _part(partition: Partition, node: int) -> str:
    if partition.leader == node:
        return "leader"
    return "follower" if node in partition.in_sync else "out of sync"
