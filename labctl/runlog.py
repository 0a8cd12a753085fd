"""Keeping account of a run: the one place that turns what happens into steps, so that a report always exists."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from labctl import __version__, host
from labctl.diagnosis import NodeTrace, diagnose, evidence
from labctl.errors import LabError
from labctl.kraft import node_settings
from labctl.plan import LabPlan, NodePlan
from labctl.redaction import Redactor, secrets_in
from labctl.render import data_folder
from labctl.results import (
    SCHEMA_VERSION,
    CheckResult,
    Diagnosis,
    Endpoints,
    ListenerResult,
    MachineResult,
    NodeResult,
    Partition,
    RunResult,
    RunStatus,
    RuntimeResult,
    StepResult,
    TopicResult,
    UiResult,
)
from labctl.runtime.base import NodeState

START_AGAIN = "labctl up starts it again, with its data; labctl logs tells what it said last"
READ_ON = "read its evidence in the report; labctl up makes missing topics anew, labctl reset empties the lab"


class Say(Protocol):
    """Where the run tells what it does, while it does it."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def download(self, done: int, total: int) -> None:
        """`done` of `total` bytes are here."""

    def begins(self, step: str) -> None:
        """A step begins."""

    def step(self, step: StepResult) -> None:
        """A step or layer ended."""

    def check(self, check: CheckResult) -> None:
        """A check ended."""

    def finished(self, run: RunResult) -> None:
        """The run ended, well or not, and its report is written."""


class Silent:
    """Says nothing: for commands that have no steps."""

    def note(self, text: str) -> None:
        """Nothing."""

    def download(self, done: int, total: int) -> None:
        """Nothing."""

    def begins(self, step: str) -> None:
        """Nothing."""

    def step(self, step: StepResult) -> None:
        """Nothing."""

    def check(self, check: CheckResult) -> None:
        """Nothing."""

    def finished(self, run: RunResult) -> None:
        """Nothing."""


class RunLog:
    """One run in the making. What it keeps and tells is free of secrets."""

    def __init__(self, command: str, lab: str, say: Say) -> None:
        self._command = command
        self._lab = lab
        self._say = say
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._steps: list[StepResult] = []
        self._checks: list[CheckResult] = []
        self._diagnosis: list[Diagnosis] = []
        self._nodes: tuple[NodeResult, ...] = ()
        self._topics: tuple[TopicResult, ...] = ()
        self._ui: UiResult | None = None
        self._versions: dict[str, str] = {"labctl": __version__, "Python": platform.python_version()}
        self._failed = False
        self.told = False
        self._secrets = secrets_in(os.environ)
        self.redactor = Redactor(self._secrets)
        self.plan: LabPlan | None = None
        self.bootstrap: str | None = None

    @property
    def started_at(self) -> str:
        """When the run began, RFC 3339."""
        return self._started_at

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep `secrets` out of everything from now on."""
        self._secrets += secrets
        self.redactor = Redactor(self._secrets)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step of the run: its time, and what ended it where it did not pass. The exception goes on."""
        started = time.monotonic()
        self._say.begins(name)
        try:
            yield
        except LabError as error:
            self.failed(name, error, started)
            raise
        except KeyboardInterrupt:
            self._ended(name, started, "interrupted")
            raise
        except Exception as error:
            self._ended(name, started, f"{type(error).__name__}: {error}")
            raise
        self.add(StepResult(name, "passed", round(time.monotonic() - started, 3)))

    def failed(self, step: str, error: LabError, started: float | None = None) -> None:
        """Keep and tell that `error` ended the step; once. Its words are free of secrets from here on."""
        if self._failed:
            return
        error.message, error.hint = self.redactor.of((error.message, error.hint))
        self._ended(step, self._started if started is None else started, error.message)
        self._diagnosis.append(Diagnosis(error.message, error.hint, error.fault))

    def note(self, text: str) -> None:
        """Tell something worth a line."""
        self._say.note(self.redactor.text(text))

    def _ended(self, name: str, started: float, detail: str) -> None:
        self._failed = True
        self.add(StepResult(name, "error", round(time.monotonic() - started, 3), detail=detail))

    def add(self, step: StepResult) -> None:
        """Keep and tell a step that ended just now."""
        at = max(0.0, self._seconds() - step.seconds)
        self._steps.append(self.redactor.of(replace(step, at=round(at, 3))))
        self._say.step(self._steps[-1])

    def add_checks(self, checks: list[CheckResult], began: float) -> None:
        """Keep and tell what the checks found; they count their seconds from `began` (time.monotonic) on."""
        for check in checks:
            self._checks.append(self.redactor.of(replace(check, at=round(began - self._started + check.at, 3))))
            self._say.check(self._checks[-1])

    def saw_nodes(self, states: list[NodeState]) -> None:
        """Keep how the nodes were last seen."""
        if self.plan:
            planned = {node.name: node for node in self.plan.nodes}
            self._nodes = tuple(_node_result(self.plan, planned[one.name], one) for one in states)

    def saw_ui(self, seen: NodeState | None) -> None:
        """Keep how the web page was last seen; None: the lab has none."""
        if self.plan and self.plan.ui.url and seen:
            self._ui = UiResult(self.plan.ui.kind, self.plan.ui.url, seen.state, seen.memory)

    def saw_topics(self, topics: Mapping[str, tuple[Partition, ...]]) -> None:
        """Keep how the lab's topics were last seen."""
        self._topics = tuple(TopicResult(name, partitions) for name, partitions in sorted(topics.items()))

    def saw_versions(self, versions: Mapping[str, str]) -> None:
        """Keep the versions of what runs the lab."""
        self._versions |= versions

    def explain(self, traces: Sequence[NodeTrace], unseen: LabError | None = None) -> None:
        """Say of a failure what the nodes left tells, where the error that ended the run does not tell it itself.

        Where the nodes could not be looked at any more, `unseen` is why, and explains more than what it led to.
        """
        if not self._nodes_started:  # a node that is not there was never made
            traces = [one for one in traces if one.state != "missing"]
        wrong = [f"{one.name}: {one.detail}" for one in self._checks if one.status in {"failed", "error"}]
        known = diagnose(traces, [one.partition(": ")[2] for one in wrong])
        ended = ", ".join(one.name for one in traces if one.state == "exited")
        found = (
            Diagnosis(f"node {ended} ended during the checks", START_AGAIN)
            if ended
            else Diagnosis("; ".join(wrong), READ_ON)
        )
        last = self._diagnosis[-1] if self._diagnosis else found
        if unseen and unseen.fault and not last.fault:
            known = Diagnosis(unseen.message, unseen.hint, unseen.fault, (last.cause,))
        if not last.fault:
            last = known or replace(last, evidence=evidence(traces))
        self._diagnosis[-1:] = [self.redactor.of(last)]

    def finish(self, files: tuple[str, ...] = (), bundle: str | None = None) -> RunResult:
        """Tell the run as it ended."""
        self.told = True
        run = self.result(files, bundle)
        self._say.finished(run)
        return run

    def result(self, files: tuple[str, ...] = (), bundle: str | None = None) -> RunResult:
        """The run so far."""
        plan = self.plan
        endpoints = Endpoints(plan.external, plan.internal, plan.ui.url) if plan else None
        if self.bootstrap:
            endpoints = Endpoints(self.bootstrap, None, None)
        return RunResult(
            schema_version=SCHEMA_VERSION,
            labctl_version=__version__,
            lab=self._lab,
            command=self._command,
            runtime=RuntimeResult(plan.runtime.name, plan.runtime.reason) if plan else None,
            kafka_version=plan.kafka_version if plan else None,
            status=self.status,
            started_at=self._started_at,
            seconds=round(self._seconds(), 3),
            nodes=self.redactor.of(self._nodes),
            endpoints=endpoints,
            ui=self._ui,
            steps=tuple(self._steps),
            checks=tuple(self._checks),
            diagnosis=tuple(self._diagnosis),
            topics=self._topics,
            versions=self._versions | ({"Kafka": plan.kafka_version} if plan else {}),
            machine=_machine(),
            files=files,
            bundle=bundle,
        )

    @property
    def _nodes_started(self) -> bool:
        started = any(step.name == "start" and step.status == "passed" for step in self._steps)
        return started or self._command == "check"

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def status(self) -> RunStatus:
        """passed, failed (a check did) or error (it could not go on)."""
        if self._failed:
            return "error"
        return "failed" if any(check.status in {"failed", "error"} for check in self._checks) else "passed"


def _node_result(plan: LabPlan, node: NodePlan, seen: NodeState) -> NodeResult:
    return NodeResult(
        name=node.name,
        id=node.id,
        roles=node.roles,
        state=seen.state,
        detail=seen.reason,
        memory=seen.memory,
        listeners=tuple(
            ListenerResult(one.name, one.protocol, one.bind, one.port, one.advertised) for one in node.listeners
        ),
        settings=node_settings(plan, node, data_folder(plan, node)),
    )


def _machine() -> MachineResult:
    facts = host.gather()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return MachineResult(system, facts.cpus, facts.memory_total, facts.memory_available)
