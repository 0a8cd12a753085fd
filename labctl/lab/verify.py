"""Verifying a Kafka: a lab of labctl, or a Kafka that somebody else started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Sequence

from labctl import checks
from labctl.diagnostics.redaction import secrets_in
from labctl.errors import KafkaFailed, LabStopped
from labctl.kafka.client import KafkaClient
from labctl.lab.check_contexts import lab_context
from labctl.lab.cluster_view import works
from labctl.lab.existing import (
    LOCK_SECONDS,
    ExistingLab,
    answer_seconds,
    connect,
    lab_secrets,
    open_lab,
    overall_state,
    recorded_spec,
)
from labctl.lab.network_faults import note_faults
from labctl.lab.reporter import Reporter
from labctl.lab.run_log import RunLog
from labctl.lab.run_report import collect_outcome, reported, write_report
from labctl.lab.services import service_kinds
from labctl.results import RunResult
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline


def check(name: str, store: LabStore, reporter: Reporter, names: Sequence[str], kind: str) -> RunResult:
    """Run checks on a running lab and return the report.

    `names` are the checks to run; where there are none, those of `kind`: none, quick or full. Raises LabStopped where
    the lab does not run, SpecError for an unknown check; HostError, for example where another labctl
    holds the lab; RuntimeFailed where the runtime fails; SpecError or LabError where the lab's record can't be used.
    """
    checks.selected(kind, names)  # an unknown name is refused before anything else
    with store.locked(name, doing="check", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        spec = recorded_spec(lab.record)
        wanted = checks.selected(kind, names, service_kinds(lab.plan))
        log = RunLog("check", name, reporter)
        log.plan = lab.plan
        log.hide([*lab_secrets(lab.plan), *secrets_in(dict(lab.plan.broker_config))])
        with reported(log, spec, lab.folder, store):
            note_faults(lab, log.note)
            deadline = Deadline.after(lab.plan.timeout)
            states = lab.runtime.nodes()
            if overall_state(states) == "stopped":
                raise LabStopped(f"the lab {name} is stopped", "labctl up starts it")
            with connect(lab.plan, answer=answer_seconds(deadline)) as client:
                absent = [state.name for state in states if not works(state)]
                run_selected_checks(log, lab, client, wanted, deadline, absent)
        return write_report(log, spec, lab.folder, store, collect_outcome(log, lab.runtime))


def run_selected_checks(
    log: RunLog,
    lab: ExistingLab,
    client: KafkaClient,
    wanted: list[checks.Check],
    deadline: Deadline,
    absent: Collection[str] = (),
) -> None:
    """Run the checks on a lab, and keep their results and the state of its topics in `log`.

    `absent` are the nodes that don't work. Raises HostError where a secret of the lab can't be read.
    """
    if wanted:
        context = lab_context(lab, client, deadline, absent)
        with log.step("checks"):
            began = time.monotonic()
            log.add_checks(checks.run_checks(context, wanted), began)
    record_topics(log, client, [topic.name for topic in lab.plan.topics])


def record_topics(log: RunLog, client: KafkaClient, names: list[str]) -> None:
    """Keep the state of these topics in `log`, as far as Kafka responds."""
    with contextlib.suppress(KafkaFailed):  # a Kafka that does not respond any more: its checks report that
        log.record_topics(client.topics(names))
