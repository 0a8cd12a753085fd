"""Verifying a Kafka: a lab of labctl, or a Kafka that somebody else started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from labctl import checks
from labctl.checks.context import CheckContext, CheckTarget, ConsoleAccess, ExpectedState, Unavailable
from labctl.diagnostics.redaction import secrets_in
from labctl.errors import KafkaFailed, LabStopped
from labctl.kafka.client import KafkaClient, connection_error
from labctl.kafka.client_config import read_client_config
from labctl.lab.check_contexts import lab_context
from labctl.lab.existing import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    LOCK_SECONDS,
    ExistingLab,
    answer_seconds,
    connect,
    lab_secrets,
    open_lab,
    recorded_spec,
)
from labctl.lab.reporter import Reporter
from labctl.lab.run_log import RunLog
from labctl.lab.run_report import collect_outcome, reported, write_report
from labctl.plan.planner import plan_topics
from labctl.replication import default_replication_factor
from labctl.results import RunResult
from labctl.runtime.access import open_container
from labctl.spec.model import LabSpec, default_spec
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline


def check(name: str, store: LabStore, reporter: Reporter, names: Sequence[str], kind: str) -> RunResult:
    """Run checks on a running lab and return the report.

    `names` are the checks to run; where there are none, those of `kind`: none, quick or full. Raises LabStopped where
    the lab does not run, SpecError for an unknown check; HostError, for example where another labctl
    holds the lab; RuntimeFailed where the runtime fails; SpecError or LabError where the lab's record can't be used.
    """
    wanted = checks.selected(kind, names)
    with store.locked(name, doing="check", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        spec = recorded_spec(lab.record)
        log = RunLog("check", name, reporter)
        log.plan = lab.plan
        log.hide([*lab_secrets(lab.plan), *secrets_in(dict(lab.plan.broker_config))])
        with reported(log, spec, lab.folder, store):
            deadline = Deadline.after(lab.plan.timeout)
            if lab.state() == "stopped":
                raise LabStopped(f"the lab {name} is stopped", "labctl up starts it")
            with connect(lab.plan, answer=answer_seconds(deadline)) as client:
                run_selected_checks(log, lab, client, wanted, deadline)
        return write_report(log, spec, lab.folder, store, collect_outcome(log, lab.runtime))


def check_foreign(
    bootstrap: str,
    folder: Path,
    store: LabStore,
    reporter: Reporter,
    names: Sequence[str],
    expected: LabSpec | None,
    container: str | None = None,
    client_config: Path | None = None,
) -> RunResult:
    """Check a Kafka that somebody else started and return the report: from the host, and inside `container` too.

    `client_config` is a client's configuration file with a login; reports go to `folder`. Raises SpecError where a file
    can't be read or a check is unknown, LabStopped where no Kafka responds or `container` does not run, KafkaFailed
    where Kafka does not accept the client; HostError or RuntimeFailed where docker can't reach `container`.
    """
    wanted = checks.selected("full", names)
    settings = read_client_config(client_config) if client_config else {}
    log = RunLog("check", bootstrap, reporter)
    log.bootstrap = bootstrap
    log.hide([settings[key] for key in ("sasl_plain_password", "ssl_password") if settings.get(key)])
    spec = expected or default_spec()
    seconds = min(ANSWER_SECONDS, spec.timeout)
    with (
        reported(log, spec, folder, store),
        KafkaClient(bootstrap, settings, connect=CONNECT_SECONDS, seconds=seconds) as client,
    ):
        with log.step("connect"):
            _require_listener(client)
            brokers = len(_require_access(client, client_config))
            console = _console_in(container, bootstrap) if container else Unavailable("no --container was named")
        context = CheckContext(
            run=checks.new_run(),
            target=CheckTarget(bootstrap, client, seconds, default_replication_factor(brokers)),
            expected=ExpectedState(topics=plan_topics(expected) if expected else None),
            console=console,
            page=Unavailable("whether this Kafka has a web page is not known"),
        )
        with log.step("checks"):
            began = time.monotonic()
            log.add_checks(checks.run_checks(context, wanted), began)
        if expected:
            _record_topics(log, client, [topic.name for topic in plan_topics(expected)])
    return write_report(log, spec, folder, store, None)


def run_selected_checks(
    log: RunLog, lab: ExistingLab, client: KafkaClient, wanted: list[checks.Check], deadline: Deadline
) -> None:
    """Run the checks on a lab, and keep their results and the state of its topics in `log`.

    Raises HostError where a secret of the lab can't be read.
    """
    if wanted:
        context = lab_context(lab, client, answer_seconds(deadline))
        with log.step("checks"):
            began = time.monotonic()
            log.add_checks(checks.run_checks(context, wanted), began)
    _record_topics(log, client, [topic.name for topic in lab.plan.topics])


def _record_topics(log: RunLog, client: KafkaClient, names: list[str]) -> None:
    with contextlib.suppress(KafkaFailed):  # a Kafka that does not respond any more: its checks report that
        log.record_topics(client.topics(names))


def _require_listener(client: KafkaClient) -> None:
    """Raise LabStopped where nothing accepts connections at a bootstrap address."""
    problem = next((why for address in client.addresses if (why := connection_error(address))), None)
    if problem:
        raise LabStopped(
            f"no Kafka to check: {problem}", "is Kafka running, and is that port published on this machine?"
        )


def _require_access(client: KafkaClient, client_config: Path | None) -> dict[int, str]:
    """Return the brokers of a Kafka that somebody else started. Raises KafkaFailed where it rejects the client."""
    try:
        return client.broker_endpoints()
    except KafkaFailed as error:
        remedy = (
            f"do protocol, mechanism, user, password and CA in {client_config} match that listener?"
            if client_config
            else "does that listener require TLS or a login? Name a file with both: --client-config FILE"
        )
        raise KafkaFailed(error.message, remedy) from error


def _console_in(name: str, bootstrap: str) -> ConsoleAccess | Unavailable:
    """Return the console tools in a container that somebody else started. Raises HostError, LabStopped."""
    container = open_container(name)
    version = container.kafka_version()
    if version is None:
        return Unavailable(f"the container {name} has no Kafka in /opt/kafka")
    address, protocol = container.internal_listener(bootstrap)
    if protocol != "PLAINTEXT":
        return Unavailable(
            f"the listener {address} inside {name} is {protocol}, and no client configuration is known there"
        )
    return ConsoleAccess(address, container.exec, version)
