"""Checking a Kafka that somebody else started: layer by layer, from up to three places, then with the checks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from labctl import checks
from labctl.checks.context import CheckContext, CheckTarget, ConsoleAccess, ExpectedState, Unavailable
from labctl.diagnostics.container_settings import client_address
from labctl.diagnostics.ended_container import why_stopped
from labctl.diagnostics.explanation import explain_layer, explain_settings
from labctl.diagnostics.failed_checks import first_inability
from labctl.diagnostics.layers import Examination, Place, examine
from labctl.diagnostics.surroundings import Surroundings, read_surroundings
from labctl.diagnostics.this_machine import ThisMachine
from labctl.errors import HostError, KafkaFailed, LabStopped, RuntimeFailed
from labctl.kafka.client import KafkaClient, connection_error
from labctl.kafka.client_config import read_client_config
from labctl.kafka.link import Login
from labctl.kafka.wire import Metadata
from labctl.lab.existing import ANSWER_SECONDS, CONNECT_SECONDS
from labctl.lab.internal_topics import examine_internal_topics
from labctl.lab.reporter import Reporter
from labctl.lab.run_log import RunLog
from labctl.lab.run_report import reported, write_report
from labctl.lab.verify import record_topics
from labctl.plan.planner import plan_topics
from labctl.replication import default_replication_factor
from labctl.results import CheckResult, Diagnosis, RunResult, Status
from labctl.runtime.access import open_container
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import SHARED_NETWORKS, read_log
from labctl.runtime.docker.place import InContainer, container_beside
from labctl.spec.model import LabSpec, default_spec
from labctl.state.store import LabStore

NOT_RUNNING = "is Kafka running, and is that port published on this machine?"


@dataclass(frozen=True, slots=True)
class ForeignKafka:
    """A Kafka that somebody else started: the addresses for this machine, and one of its containers ("": not known)."""

    bootstrap: str
    container: str = ""


def check_foreign(
    kafkas: Sequence[ForeignKafka],
    folder: Path,
    store: LabStore,
    reporter: Reporter,
    names: Sequence[str],
    expected: LabSpec | None = None,
    client_config: Path | None = None,
) -> RunResult:
    """Check a Kafka that somebody else started and return the report: from this machine, and around its containers.

    `kafkas` are its brokers as far as they are known; the checks use the first that clients on this machine reach.
    `client_config` is a client's configuration file with a login; reports go to `folder`. Raises SpecError where a file
    can't be read or a check is unknown, LabStopped where no Kafka responds or no container runs, KafkaFailed
    where Kafka does not accept the client; HostError or RuntimeFailed where docker can't reach a container.
    """
    wanted = checks.selected("full", names)
    settings = read_client_config(client_config) if client_config else {}
    target = ",".join(kafka.bootstrap for kafka in kafkas if kafka.bootstrap)
    log = RunLog("check", target or kafkas[0].container, reporter)
    log.bootstrap = target
    log.hide([settings[key] for key in ("sasl_plain_password", "ssl_password") if settings.get(key)])
    spec = expected or default_spec()
    with reported(log, spec, folder, store):
        with log.step("layers"):
            outcomes = [_examine(log, kafka, settings) for kafka in kafkas]
            cause = next((outcome.cause for outcome in outcomes if outcome.cause), None)
            if cause:
                log.diagnose(cause)
                _require_some_kafka(cause, outcomes)
        reached = next((pair for pair in zip(kafkas, outcomes, strict=True) if pair[1].reached), None)
        if reached:
            kafka, outcome = reached
            console = _console_in(kafka.container, outcome.inside)
            _run_checks(log, target, settings, expected, console, spec, wanted)
        elif not cause:
            _add_unreachable(log, wanted, named=bool(names))
    return write_report(log, spec, folder, store, None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why clients can't use a broker (None: they can), and what was found around it.

    `here` is what was found from this machine (None: there was no address to try), `inside` from its container (None:
    none was named, or its listeners need TLS or a login).
    """

    cause: Diagnosis | None
    here: Examination | None = None
    inside: Examination | None = None

    @property
    def reached(self) -> bool:
        """Whether clients on this machine can use it."""
        return self.here is not None and self.here.failed is None


def _examine(log: RunLog, kafka: ForeignKafka, settings: Mapping[str, Any]) -> Outcome:
    """Report what is found around one broker, and return what came of it."""
    around = _around(kafka)
    if around:
        log.hide(around.secrets)
    if around and not around.container.running:
        why = why_stopped(around, read_log(Engine(), around.container))
        _add(log, f"container {around.container.name}", "; ".join(why.evidence), "failed")
        _add_settings(log, around)
        verb = "has" if around.container.state == "exited" else "is"
        what = f"the container {around.container.name} {verb} {around.container.state}"
        return Outcome(
            Diagnosis(f"{what} (exit code {around.container.exit_code}): {why.cause}", why.remedy, why.fault)
        )
    here = _from_place(log, ThisMachine(Login(settings)), kafka.bootstrap.split(",")) if kafka.bootstrap else None
    within: list[Examination] = []
    if around:
        _add_settings(log, around)
        within = [_from_place(log, place, [address]) for place, address in _places(log, around)]
    found = [here, *within] if here else within
    broken = next((one.failed for one in found if one.failed), None)
    if broken:
        output = read_log(Engine(), around.container) if around and around.container.restarts else ""
        cause: Diagnosis | None = explain_layer(broken, around, output)
    else:
        cause = explain_settings(around)
    return Outcome(cause, here, within[0] if within else None)


def _around(kafka: ForeignKafka) -> Surroundings | None:
    """What is known of the container; None where none was named, or where neither it nor its port is there."""
    if not kafka.container:
        return None
    try:
        return read_surroundings(kafka.container)
    except HostError:
        if not kafka.bootstrap or connection_error(kafka.bootstrap.partition(",")[0]) is None:
            raise
        return None


def _from_place(log: RunLog, place: Place, bootstrap: Sequence[str]) -> Examination:
    """Examine a Kafka from one place, and report it as one check, with a line for each layer."""
    began = time.monotonic()
    found = examine(place, bootstrap)
    failed = found.failed
    detail = f"{failed.layer}: {failed.detail}" if failed else _cluster(found.metadata)
    lines = "\n".join(f"{result.layer}: {result.status}: {result.detail}" for result in found.results)
    seconds = round(time.monotonic() - began, 3)
    name, status = f"{found.address} from {place.name}", "failed" if failed else "passed"
    log.add_checks([CheckResult(name, cast("Status", status), seconds, detail, (lines,))], began)
    return found


def _cluster(metadata: Metadata | None) -> str:
    if metadata is None:
        return "Kafka responds"
    count = len(metadata.brokers)
    brokers = f"{count} broker responds" if count == 1 else f"{count} brokers respond"
    return f"cluster {metadata.cluster_id}, {brokers} at the advertised address{'' if count == 1 else 'es'}"


def _places(log: RunLog, around: Surroundings) -> Iterator[tuple[InContainer, str]]:
    """(place, address) inside the container, and in another one on its network."""
    container = around.container
    inside = InContainer(open_container(container.name), f"container {container.name}")
    address = client_address(container, around.others)
    if around.is_only_controller:
        return
    if address is None or address.protocol != "PLAINTEXT":
        why = f"its listeners need TLS or a login ({address.protocol})" if address else "its listeners are not known"
        _add(log, inside.name, f"not examined: {why}", "skipped")
        return
    if not inside.has_bash():
        _add(log, inside.name, "not examined: its image has no bash", "skipped")
        return
    yield inside, address.inside
    if address.network in {"", *SHARED_NETWORKS} or not address.beside:
        return  # where names of containers don't work, or no listener is for others
    with contextlib.ExitStack() as stack:
        try:
            beside = stack.enter_context(container_beside(Engine(), container.image, address.network))
        except (HostError, RuntimeFailed) as error:
            _add(log, f"another container on {address.network}", error.message, "skipped")
            return
        yield beside, address.beside


def _add_settings(log: RunLog, around: Surroundings) -> None:
    """Report what the rules of `labctl lint` find in the container's settings."""
    lines = "\n".join(f"{one.level} {one.rule}: {one.cause}; {one.fix}" for one in around.findings)
    name = f"settings of {around.container.name}"
    if around.errors:
        _add(log, name, around.errors[0].cause, "failed", lines)
    else:
        warnings = sum(one.level == "warning" for one in around.findings)
        _add(log, name, f"no error{f', {warnings} to look at' if warnings else ''}", "passed", lines)


def _require_some_kafka(cause: Diagnosis, outcomes: Sequence[Outcome]) -> None:
    """Raise where clients on this machine reach no Kafka at all, or one that does not accept them."""
    tried = [outcome.here for outcome in outcomes if outcome.here]
    layers = [found.failed.layer if found.failed else "" for found in tried]
    if {"", "advertised", "identity"} & set(layers):
        return
    if not layers:
        raise LabStopped(cause.cause, cause.remedy, cause.fault)
    if layers[0] in {"name", "tcp"}:
        raise LabStopped(f"no Kafka to check: {cause.cause}", cause.remedy or NOT_RUNNING)
    raise KafkaFailed(cause.cause, cause.remedy)


def _add_unreachable(log: RunLog, wanted: Sequence[checks.Check], *, named: bool) -> None:
    """Report the checks that no client on this machine can run: as errors where they were asked for by name."""
    why = "no listener for clients on this machine is published or known"
    for check in wanted:
        _add(log, check.name, why, "error" if named else "skipped")


def _run_checks(
    log: RunLog,
    bootstrap: str,
    settings: Mapping[str, Any],
    expected: LabSpec | None,
    console: ConsoleAccess | Unavailable,
    spec: LabSpec,
    wanted: list[checks.Check],
) -> None:
    """Run the checks of clients, and those with the console tools where the container has some."""
    seconds = min(ANSWER_SECONDS, spec.timeout)
    with KafkaClient(bootstrap, settings, connect=CONNECT_SECONDS, seconds=seconds) as client:
        brokers = client.broker_endpoints()
        began = time.monotonic()
        internal = examine_internal_topics(client, sorted(brokers), wanted)
        log.add_checks([internal.result], began)
        context = CheckContext(
            run=checks.new_run(),
            target=CheckTarget(bootstrap, client, seconds, default_replication_factor(len(brokers))),
            expected=ExpectedState(topics=plan_topics(expected) if expected else None),
            console=console,
            page=Unavailable("whether this Kafka has a web page is not known"),
        )
        with log.step("checks"):
            began = time.monotonic()
            results = checks.run_checks(context, [check for check in wanted if check.name not in internal.unusable])
            log.add_checks(results, began)
        if expected:
            record_topics(log, client, [topic.name for topic in plan_topics(expected)])
    cause = internal.cause or first_inability(results)
    if cause and not log.explained:
        log.diagnose(cause)


def _console_in(name: str, inside: Examination | None) -> ConsoleAccess | Unavailable:
    """Return the console tools in a container that somebody else started, at the address that was examined there."""
    if not name:
        return Unavailable("no --container was named")
    if inside is None:
        return Unavailable(f"no plaintext listener inside {name} is known")
    if inside.failed:
        return Unavailable(f"inside {name} Kafka can't be used: {inside.failed.detail}")
    container = open_container(name)
    version = container.kafka_version()
    if version is None:
        return Unavailable(f"the container {name} has no Kafka in /opt/kafka")
    return ConsoleAccess(inside.address, container.exec, version)


def _add(log: RunLog, name: str, detail: str, status: Status, lines: str = "") -> None:
    log.add_checks([CheckResult(name, status, 0.0, detail, (lines,) if lines else ())], time.monotonic())
