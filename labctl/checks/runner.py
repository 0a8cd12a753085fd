"""Running checks in parallel, in topics of their own that are deleted afterwards."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from labctl.checks.base import CheckFailed, Skipped, eventually
from labctl.checks.context import TOPIC_PREFIX, CheckContext
from labctl.checks.table import Check
from labctl.errors import KafkaFailed, LabError
from labctl.results import CheckResult, Status
from labctl.system.parallel import run_watched
from labctl.system.waiting import NotReady
from labctl.wording import first_few

WORKERS = 8
WATCH_SECONDS = 1.0  # between two looks at the nodes: docker takes 30 ms for one
LOST_SECONDS = 2.0  # for checks that end by themselves when a node is gone
INTERRUPTED_SECONDS = 3.0  # to clean up somebody else's Kafka: an interrupt is over within 5 s


def new_run() -> str:
    """Return an id for the records of one run, so that an old record can't make a check pass."""
    return uuid.uuid4().hex[:10]


def run_checks(context: CheckContext, checks: Sequence[Check]) -> list[CheckResult]:
    """Run the checks in parallel and return their results, in the order of `checks`. Never raises LabError.

    Each result's `at` counts seconds from the start of this call. Where clients on the host can't work at all, the
    checks that are such clients report why, and the others run. Where a node of the lab ends meanwhile, the checks that
    wait for it end with that cause.
    """
    began = time.monotonic()
    results = {
        check.name: CheckResult(check.name, "skipped", 0.0, why)
        for check in checks
        if (why := check.skip_reason(context))
    }
    with_topic = {
        f"{context.prefix}{check.name}": check for check in checks if check.partitions and check.name not in results
    }
    problem = _create_topics(context, with_topic)
    if problem:
        results |= {check.name: CheckResult(check.name, *problem) for check in with_topic.values()}
    together = [check for check in checks if check.name not in results and not check.alone]
    alone = [check for check in checks if check.name not in results and check.alone]
    cleans_up = bool(with_topic) and not problem
    nodes = _NodeWatch(context)
    try:
        found = _run_all(context, together, began, nodes)
        if cleans_up and not nodes.lost:
            _delete_groups(context)
        for check in alone:
            found += _run_all(context, [check], began, nodes)
    except BaseException:
        if cleans_up and not context.lab:  # in a lab the next run deletes the topics of this run
            cleaning = threading.Thread(target=_delete_topics, args=(context, with_topic), daemon=True)
            cleaning.start()
            cleaning.join(INTERRUPTED_SECONDS)
        raise
    if cleans_up and not nodes.lost:  # else it may take long, and the next run deletes them
        _delete_topics(context, with_topic)
    results |= {result.name: result for result in found}
    return [results[check.name] for check in checks]


class _NodeLost(Exception):
    """A node of the lab ended, and the checks that wait for it are not waited for."""


class _NodeWatch:
    """Notices that a node of the lab ended which no check stopped: `lost` says which."""

    def __init__(self, context: CheckContext) -> None:
        self._lab = context.lab
        self._noticed = 0.0
        self.lost = ""

    def look(self) -> None:
        """Examine the nodes. Raises _NodeLost LOST_SECONDS after a node was lost."""
        if self._lab and not self.lost:
            with contextlib.suppress(LabError):  # a runtime that does not respond: the checks say more
                self.lost = self._lab.lost_node()
            self._noticed = time.monotonic()
        if self.lost and time.monotonic() - self._noticed >= LOST_SECONDS:
            raise _NodeLost


def _run_all(context: CheckContext, selected: Sequence[Check], began: float, nodes: _NodeWatch) -> list[CheckResult]:
    """Run checks in parallel. Those that wait for a node that ended have that as their error."""
    if nodes.lost:
        return [CheckResult(check.name, "skipped", 0.0, nodes.lost) for check in selected]
    started: dict[str, float] = {}
    results: dict[str, CheckResult] = {}

    def run(check: Check) -> None:
        started[check.name] = time.monotonic()
        results[check.name] = _run(context, check, began)

    try:
        run_watched([partial(run, check) for check in selected], WORKERS, nodes.look, WATCH_SECONDS)
    except _NodeLost:
        now = time.monotonic()
        for name in {check.name for check in selected} - set(results):
            start = started.get(name, now)
            detail = f"{nodes.lost} while this check ran"
            results[name] = CheckResult(name, "error", round(now - start, 3), detail, at=round(start - began, 3))
    return [results[check.name] for check in selected]


def _run(context: CheckContext, check: Check, began: float) -> CheckResult:
    started = time.monotonic()

    def result(status: Status, detail: str, evidence: Sequence[str] = ()) -> CheckResult:
        seconds, at = round(time.monotonic() - started, 3), round(started - began, 3)
        return CheckResult(check.name, status, seconds, detail, tuple(evidence), at)

    try:
        passed = check.run(context)
    except Skipped as reason:
        return result("skipped", str(reason))
    except CheckFailed as failed:
        return result("failed", str(failed), failed.evidence)
    except LabError as error:
        return result("error", error.message)
    except Exception as error:  # noqa: BLE001 - a defect of labctl in one check must not end the others
        return result("error", f"{type(error).__name__}: {error}", traceback.format_exc().splitlines())
    return result("passed", passed.detail, passed.evidence)


def _create_topics(context: CheckContext, with_topic: Mapping[str, Check]) -> tuple[Status, float, str] | None:
    """Create the checks' own topics, and return None; where that fails a status, the seconds that it took, and why."""
    if not with_topic:
        return None
    started = time.monotonic()
    target = context.target
    try:
        unreachable = [
            f"broker {number} advertises {address} to clients on the host: {why}"
            for number, address in sorted(target.client.broker_endpoints().items())
            if (why := target.connection_error(address))
        ]
        if unreachable:
            return "failed", round(time.monotonic() - started, 3), "; ".join(unreachable)
        target.client.create_topics(
            {name: (check.partitions, target.replication_factor, {}) for name, check in with_topic.items()}
        )
        eventually(context.settle, "the checks' topics", lambda: _require_topics(context, with_topic))
    except CheckFailed as failed:
        return "failed", round(time.monotonic() - started, 3), str(failed)
    except LabError as error:
        return "error", round(time.monotonic() - started, 3), f"no topic to check with: {error.message}"
    return None


def _require_topics(context: CheckContext, names: Collection[str]) -> None:
    """Raise NotReady until every broker has the topics: a broker without a topic responds that it does not exist."""
    for known in context.client.topics_by_broker(list(names)):
        if missing := sorted(set(names) - known):
            raise NotReady(f"a broker does not have {first_few(missing, 1)} yet")


def _delete_groups(context: CheckContext) -> None:
    """Delete this run's groups, and in a lab those of runs that were killed.

    Before a broker is stopped: afterwards Kafka's share coordinator may delay a deletion for 30 s.
    """
    with contextlib.suppress(KafkaFailed):  # the checks have reported what is wrong with this Kafka
        groups = [name for name in context.client.groups() if name.startswith(TOPIC_PREFIX)]
        context.client.delete_groups([name for name in groups if context.lab or context.run in name])


def _delete_topics(context: CheckContext, names: Collection[str]) -> None:
    """Delete this run's topics, and in a lab those of runs that were killed.

    Last of all: while a client still asks for a topic, Kafka creates it again.
    """
    with contextlib.suppress(CheckFailed):  # the checks have reported what is wrong with this Kafka
        eventually(
            context.settle,
            "the checks' topics deleted",
            lambda: _require_deleted(context, names),
        )


def _require_deleted(context: CheckContext, names: Collection[str]) -> None:
    """Delete them again until they are gone: a controller that has just changed may refuse, or never respond."""
    remaining = [
        name for name in context.client.topics() if name in names or (context.lab and name.startswith(TOPIC_PREFIX))
    ]
    if remaining:
        context.client.delete_topics(remaining)
        raise NotReady(f"still there: {first_few(remaining)}")
