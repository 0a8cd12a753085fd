"""CHECKS: the checks there are, and which of them a run selects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from labctl.checks.base import CheckPass
from labctl.checks.connect import connect, no_connect
from labctl.checks.console import console_to_host, host_to_console
from labctl.checks.context import CheckContext
from labctl.checks.group import consumer_group
from labctl.checks.json_records import json_records
from labctl.checks.keyed_order import keyed_order
from labctl.checks.quorum import quorum
from labctl.checks.replication import replication
from labctl.checks.schemas import no_registry, schemas
from labctl.checks.security import security
from labctl.checks.share_group import no_share_groups, share_group
from labctl.checks.topics import topics
from labctl.checks.transaction import transaction
from labctl.checks.ui import no_page, ui
from labctl.errors import SpecError


@dataclass(frozen=True, slots=True)
class Check:
    """A check. `partitions` says how many its own topic has (0: it needs no topic).

    `run` raises CheckFailed, Skipped or LabError: `run_checks` makes a result of each.
    """

    name: str
    run: Callable[[CheckContext], CheckPass]
    quick: bool
    partitions: int = 0
    alone: bool = False  # disturbs the others: runs after them
    service: str = ""  # the kind of service that it is for: without that it runs only where it is named
    skip_reason: Callable[[CheckContext], str | None] = lambda _context: None  # None: it can run on this lab


# the slowest first: they run in parallel
CHECKS = {
    check.name: check
    for check in (
        Check("host-to-console", host_to_console, quick=True, partitions=1),
        Check("console-to-host", console_to_host, quick=True, partitions=1),
        Check("connect", connect, quick=True, partitions=1, service="connect", skip_reason=no_connect),
        Check("schemas", schemas, quick=True, partitions=1, service="schema_registry", skip_reason=no_registry),
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


def selected(kind: str, names: Sequence[str] = (), services: Collection[str] = ()) -> list[Check]:
    """Return the checks called `names`, or where there are none those of `kind`: none, quick or full.

    `services` are the kinds of services that the lab has.
    Raises SpecError, with the names that exist, for an unknown name.
    """
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise SpecError([f"there is no check {', '.join(unknown)}; there are {', '.join(sorted(CHECKS))}"])
    if names:
        return [CHECKS[name] for name in names]
    return [
        check
        for check in CHECKS.values()
        if (kind == "full" or (kind == "quick" and check.quick)) and check.service in {"", *services}
    ]
