"""The checks: records in and out through every door. CHECKS is the table; one file per check."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from labctl.checks.base import SETTLE_SECONDS, TOPIC_PREFIX, CheckContext, CheckFailed, Found, Skipped, eventually
from labctl.checks.console import console_to_host, host_to_console
from labctl.checks.group import consumer_group
from labctl.checks.json_records import json_records
from labctl.checks.keyed_order import keyed_order
from labctl.checks.quorum import quorum
from labctl.checks.replication import replication
from labctl.checks.security import security
from labctl.checks.share_group import no_share_groups, share_group
from labctl.checks.topics import topics
from labctl.checks.transaction import transaction
from labctl.checks.ui import no_page, ui
from labctl.errors import KafkaFailed, LabError, SpecError
from labctl.parallel import run_all
from labctl.results import CheckResult, Status
from labctl.waiting import NotReady

WORKERS = 8
INTERRUPTED_SECONDS = 3.0  # for what is left in somebody else's Kafka: an interrupt is over within 5


@dataclass(frozen=True, slots=True)
class Check:
    """A check: `partitions` says how many its own topic has (0: it needs none)."""

    name: str
    run: Callable[[CheckContext], Found]
    quick: bool
    partitions: int = 0
    alone: bool = False  # disturbs the others: asked after them
    skip_reason: Callable[[CheckContext], str | None] = lambda _context: None  # None: it can be asked of this lab


# the slowest first: they run side by side
CHECKS = {
    check.name: check
    for check in (
        Check("host-to-console", host_to_console, quick=True, partitions=1),
        Check("console-to-host", console_to_host, quick=True, partitions=1),
        Check("share-group", share_group, quick=False, partitions=1, skip_reason=no_share_groups),
        Check("consumer-group", consumer_group, quick=True, partitions=3),
        Check("transaction", transaction, quick=True, partitions=1),
        Check("keyed-order", keyed_order, quick=False, partitions=3),
        Check("json-records", json_records, quick=True, partitions=1),
        Check("topics", topics, quick=True),
        Check("quorum", quorum, quick=True),
        Check("security", security, quick=False),
        Check("ui", ui, quick=False, partitions=1, skip_reason=no_page),
        Check("replication", replication, quick=False, partitions=3, alone=True),
    )
}


def selected(kind: str, names: Sequence[str] = ()) -> list[Check]:
    """The checks of `kind` (none, quick, full), or those named. SpecError names the right ones for a wrong one."""
    wrong = [name for name in names if name not in CHECKS]
    if wrong:
        raise SpecError([f"there is no check {', '.join(wrong)}; there are {', '.join(sorted(CHECKS))}"])
    if names:
        return [CHECKS[name] for name in names]
    return [check for check in CHECKS.values() if kind == "full" or (kind == "quick" and check.quick)]


def run_checks(context: CheckContext, checks: Sequence[Check]) -> list[CheckResult]:
    """Ask the checks side by side, in topics of this run that are deleted afterwards. Never raises LabError.

    Their `at` counts from the start of this call.

    Where clients on the host can't work at all, the checks that are such clients say why, and the others are asked.
    """
    began = time.monotonic()
    results = {
        check.name: CheckResult(check.name, "skipped", 0.0, why)
        for check in checks
        if (why := check.skip_reason(context))
    }
    own = {f"{context.prefix}{one.name}": one for one in checks if one.partitions and one.name not in results}
    refusal = _refusal(context, own)
    if refusal:
        results |= {check.name: CheckResult(check.name, *refusal) for check in own.values()}
    together = [check for check in checks if check.name not in results and not check.alone]
    alone = [check for check in checks if check.name not in results and check.alone]
    cleans_up = bool(own) and not refusal
    try:
        answers = run_all([partial(_run, context, check, began) for check in together], WORKERS)
        if cleans_up:
            _take_groups_away(context)
        answers += [_run(context, check, began) for check in alone]
    except BaseException:
        if cleans_up and not context.own:  # in a lab the next run takes away what this one left
            cleaning = threading.Thread(target=_take_topics_away, args=(context, own), daemon=True)
            cleaning.start()
            cleaning.join(INTERRUPTED_SECONDS)
        raise
    if cleans_up:
        _take_topics_away(context, own)
    results |= {answer.name: answer for answer in answers}
    return [results[check.name] for check in checks]


def _refusal(context: CheckContext, own: Mapping[str, Check]) -> tuple[Status, float, str] | None:
    """Make the checks' own topics; where that can't be: a status, the seconds that it took, and why."""
    if not own:
        return None
    started = time.monotonic()
    try:
        astray = [
            f"broker {number} advertises {address} to clients on the host: {why}"
            for number, address in sorted(context.client.advertised().items())
            if (why := context.answers(address))
        ]
        if astray:
            return "failed", round(time.monotonic() - started, 3), "; ".join(astray)
        context.client.create_topics({name: (check.partitions, context.copies, {}) for name, check in own.items()})
        eventually(min(context.seconds, SETTLE_SECONDS), "the checks' topics", lambda: _known(context, own))
    except CheckFailed as failed:
        return "failed", round(time.monotonic() - started, 3), str(failed)
    except LabError as error:
        return "error", round(time.monotonic() - started, 3), f"no topic to check with: {error.message}"
    return None


def _known(context: CheckContext, own: Collection[str]) -> None:
    for known in context.client.known(list(own)):
        if missing := sorted(set(own) - known):
            raise NotReady(f"a broker does not know {', '.join(missing)} yet")


def new_run() -> str:
    """Marks the records of one run, so that an old record can't make a check pass."""
    return uuid.uuid4().hex[:10]


def _run(context: CheckContext, check: Check, began: float) -> CheckResult:
    started = time.monotonic()

    def result(status: Status, detail: str, evidence: Sequence[str] = ()) -> CheckResult:
        seconds, at = round(time.monotonic() - started, 3), round(started - began, 3)
        return CheckResult(check.name, status, seconds, detail, tuple(evidence), at)

    try:
        found = check.run(context)
    except Skipped as why:
        return result("skipped", str(why))
    except CheckFailed as failed:
        return result("failed", str(failed), failed.evidence)
    except LabError as error:
        return result("error", error.message)
    except Exception as error:  # noqa: BLE001 - a check that labctl gets wrong must not end the others
        return result("error", f"{type(error).__name__}: {error}", traceback.format_exc().splitlines())
    return result("passed", found.detail, found.evidence)


def _take_groups_away(context: CheckContext) -> None:
    """This run's groups, and in a lab those of runs that were killed.

    Before a broker is stopped: afterwards Kafka's share coordinator may hold a deletion for 30 s.
    """
    with contextlib.suppress(KafkaFailed):  # the checks have said what is wrong with this Kafka
        groups = [name for name in context.client.groups() if name.startswith(TOPIC_PREFIX)]
        context.client.delete_groups([name for name in groups if context.own or context.run in name])


def _take_topics_away(context: CheckContext, own: Collection[str]) -> None:
    """This run's topics, and in a lab those of runs that were killed.

    Last of all: as long as a client goes on asking for a topic, Kafka makes it anew.
    """
    with contextlib.suppress(CheckFailed):  # the checks have said what is wrong with this Kafka
        eventually(min(context.seconds, SETTLE_SECONDS), "the checks' topics deleted", lambda: _delete(context, own))


def _delete(context: CheckContext, own: Collection[str]) -> None:
    """Asked again until they are gone: a controller that has just changed may refuse, or never answer."""
    left = [name for name in context.client.topics() if name in own or (context.own and name.startswith(TOPIC_PREFIX))]
    if left:
        context.client.delete_topics(left)
        raise NotReady(f"still there: {', '.join(left)}")
