"""The record of a run: the only place that turns events into steps, so that a report always exists."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from labctl import __version__
from labctl.diagnostics.diagnosis import NodeTrace, diagnose, evidence
from labctl.diagnostics.redaction import Redactor, secrets_in
from labctl.errors import LabError
from labctl.kafka.broker_settings import node_settings
from labctl.lab.reporter import Reporter
from labctl.plan.model import LabPlan, NodePlan
from labctl.results import (
    SCHEMA_VERSION,
    CheckResult,
    Diagnosis,
    DrillResult,
    Endpoints,
    ListenerResult,
    MachineResult,
    NodeResult,
    Partition,
    RunResult,
    RunStatus,
    RuntimeResult,
    ServiceResult,
    Status,
    StepResult,
    TopicResult,
    UiResult,
)
from labctl.runtime.base import NodeState
from labctl.system import host

START_AGAIN = "labctl up starts it again, with its data; labctl logs shows its last output"
READ_REPORT = (
    "read the transcripts in the report; labctl up creates missing topics again, labctl reset empties the whole lab"
)
FAILED = {"failed", "error"}


class RunLog:
    """The record of one run. What it keeps and reports contains no secrets.

    `plan` and `bootstrap` are set as soon as they are known; `finished` says whether the run was reported.
    """

    def __init__(self, command: str, lab: str, reporter: Reporter) -> None:
        self._command = command
        self._lab = lab
        self._reporter = reporter
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._steps: list[StepResult] = []
        self._checks: list[CheckResult] = []
        self._drills: list[DrillResult] = []
        self._diagnosis: list[Diagnosis] = []
        self._nodes: tuple[NodeResult, ...] = ()
        self._topics: tuple[TopicResult, ...] = ()
        self._ui: UiResult | None = None
        self._services: tuple[ServiceResult, ...] = ()
        self._versions: dict[str, str] = {"labctl": __version__, "Python": platform.python_version()}
        self._failed = False
        self._secrets = secrets_in(os.environ)
        self.finished = False
        self.redactor = Redactor(self._secrets)
        self.plan: LabPlan | None = None
        self.bootstrap: str | None = None

    @property
    def started_at(self) -> str:
        """When the run began, RFC 3339."""
        return self._started_at

    @property
    def status(self) -> RunStatus:
        """passed, failed (a check did) or error (the run could not go on)."""
        if self._failed:
            return "error"
        return "failed" if self._failed_checks or self._failed_drills else "passed"

    @property
    def _failed_drills(self) -> bool:
        return any(drill.status in FAILED for drill in self._drills)

    @property
    def _failed_checks(self) -> int:
        return sum(check.status in FAILED for check in self._checks)

    @property
    def explained(self) -> bool:
        """Whether a cause is recorded."""
        return bool(self._diagnosis)

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep `secrets` out of everything from now on."""
        self._secrets += secrets
        self.redactor = Redactor(self._secrets)

    # -- what happens ------------------------------------------------------

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record the block as a step of the run: its time, and its error, which is raised again.

        A step in which a check failed has failed.
        """
        started, failed = time.monotonic(), self._failed_checks
        self._reporter.step_begins(name)
        try:
            yield
        except LabError as error:
            self.record_failure(name, error, started)
            raise
        except KeyboardInterrupt:
            self._add_error(name, started, "interrupted")
            raise
        except Exception as error:
            self._add_error(name, started, f"{type(error).__name__}: {error}")
            raise
        status: Status = "failed" if self._failed_checks > failed else "passed"
        self.add(StepResult(name, status, round(time.monotonic() - started, 3)))

    def record_failure(self, step: str, error: LabError, started: float | None = None) -> None:
        """Record that `error` ended the step; only the first failure counts. Redact the error's own text."""
        if self._failed:
            return
        error.message, error.hint = self.redactor.of((error.message, error.hint))
        self._add_error(step, self._started if started is None else started, error.message)
        self._diagnosis.append(Diagnosis(error.message, error.hint, error.fault))

    def note(self, text: str) -> None:
        """Report a line."""
        self._reporter.note(self.redactor.text(text))

    def add(self, step: StepResult) -> None:
        """Record and report a step that ended just now."""
        at = max(0.0, self._seconds() - step.seconds)
        self._steps.append(self.redactor.of(replace(step, at=round(at, 3))))
        self._reporter.step(self._steps[-1])

    def add_checks(self, checks: list[CheckResult], began: float) -> None:
        """Record and report the results of checks, whose `at` counts from `began` (time.monotonic)."""
        for check in checks:
            self._checks.append(self.redactor.of(replace(check, at=round(began - self._started + check.at, 3))))
            self._reporter.check(self._checks[-1])

    def add_drill(self, drill: DrillResult) -> None:
        """Record the result of a drill."""
        self._drills.append(self.redactor.of(drill))

    def begin_again(self) -> None:
        """Forget what failed so far: it is done again."""
        self._failed = False
        self._steps = [step for step in self._steps if step.status == "passed"]
        self._checks, self._diagnosis = [], []

    def diagnose(self, diagnosis: Diagnosis) -> None:
        """Record why checks failed, in place of what `explain` would find."""
        self._diagnosis = [self.redactor.of(diagnosis)]

    def record_nodes(self, states: list[NodeState]) -> None:
        """Record how the nodes were last observed."""
        if self.plan:
            planned = {node.name: node for node in self.plan.nodes}
            self._nodes = tuple(_node_result(self.plan, planned[state.name], state) for state in states)

    def record_ui(self, state: NodeState | None) -> None:
        """Record how the web page was last observed; None: the lab has none."""
        if self.plan and self.plan.ui.url and state:
            self._ui = UiResult(self.plan.ui.kind, self.plan.ui.url, state.state, state.memory)

    def record_services(self, states: Sequence[NodeState]) -> None:
        """Record how the services were last observed."""
        planned = {service.name: service for service in self.plan.services} if self.plan else {}
        self._services = tuple(
            ServiceResult(
                state.name, planned[state.name].kind, planned[state.name].url, state.state, state.reason, state.memory
            )
            for state in states
        )

    def record_topics(self, topics: Mapping[str, tuple[Partition, ...]]) -> None:
        """Record how the lab's topics were last observed."""
        self._topics = tuple(TopicResult(name, partitions) for name, partitions in sorted(topics.items()))

    def record_versions(self, versions: Mapping[str, str]) -> None:
        """Record the versions of what runs the lab."""
        self._versions |= versions

    # -- what came of it ---------------------------------------------------

    def explain(self, traces: Sequence[NodeTrace], unavailable: LabError | None = None) -> None:
        """Explain a failure by the nodes' logs, where the error that ended the run does not explain itself.

        Where the nodes could not be examined any more, `unavailable` is why, and a better explanation.
        """
        if not self._nodes_started:  # a node that is missing was never created
            traces = [trace for trace in traces if trace.state != "missing"]
        failed = [f"{check.name}: {check.detail}" for check in self._checks if check.status in FAILED]
        ended = ", ".join(trace.name for trace in traces if trace.state == "exited")
        # an address that does not respond because its node has ended is not a wrong one
        known = diagnose(traces, [] if ended else [text.partition(": ")[2] for text in failed])
        found = (
            Diagnosis(f"node {ended} has ended", START_AGAIN) if ended else Diagnosis("; ".join(failed), READ_REPORT)
        )
        last = self._diagnosis[-1] if self._diagnosis else found
        if unavailable and unavailable.fault and not last.fault:
            known = Diagnosis(unavailable.message, unavailable.hint, unavailable.fault, (last.cause,))
        if not last.fault:
            last = known or replace(last, evidence=evidence(traces))
        self._diagnosis[-1:] = [self.redactor.of(last)]

    def finish(self, files: tuple[str, ...] = (), bundle: str | None = None) -> RunResult:
        """Report and return the run as it ended."""
        self.finished = True
        run = self.result(files, bundle)
        self._reporter.finished(run)
        return run

    def result(self, files: tuple[str, ...] = (), bundle: str | None = None) -> RunResult:
        """Return the run so far."""
        plan = self.plan
        endpoints = Endpoints(plan.bootstrap, plan.internal_bootstrap, plan.ui.url) if plan else None
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
            services=self.redactor.of(self._services),
            steps=tuple(self._steps),
            checks=tuple(self._checks),
            drills=tuple(self._drills),
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

    def _add_error(self, name: str, started: float, detail: str) -> None:
        self._failed = True
        self.add(StepResult(name, "error", round(time.monotonic() - started, 3), detail=detail))

    def _seconds(self) -> float:
        return time.monotonic() - self._started


def _node_result(plan: LabPlan, node: NodePlan, state: NodeState) -> NodeResult:
    return NodeResult(
        name=node.name,
        id=node.id,
        roles=node.roles,
        state=state.state,
        detail=state.reason,
        memory=state.memory,
        listeners=tuple(
            ListenerResult(listener.name, listener.protocol, listener.bind, listener.port, listener.advertised)
            for listener in node.listeners
        ),
        settings=node_settings(plan, node),
        swarm_node=node.swarm_node,
    )


def _machine() -> MachineResult:
    facts = host.gather()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return MachineResult(system, facts.cpus, facts.memory_total, facts.memory_available)
