"""Labs that live for one process, and removing those that outlived it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from labctl.errors import LabError, SpecError
from labctl.kafka.client_settings import client_variables
from labctl.lab.existing import open_lab
from labctl.lab.lifecycle import OTHER_NAME, down, up
from labctl.lab.reporter import Reporter
from labctl.lab.request import LabRequest
from labctl.lab.unrecorded import lost_labs
from labctl.runtime.jvm.cache import sweep as sweep_cache
from labctl.state.store import STARTING, LabRecord, LabStore
from labctl.system.foreground import require_program, run_in_foreground
from labctl.system.processes import ProcessId
from labctl.system.signals import ignore_signals


def run(request: LabRequest, store: LabStore, reporter: Reporter, command: Sequence[str]) -> int:
    """Bring up a lab for `command` alone, run it with the lab's environment, and remove the lab in any case.

    Return the command's exit code; 1 where a check failed, and then the command did not run. Raises SpecError where
    another lab has this name or the program can't be run, and what `up` and `down` raise: HostError, RuntimeFailed,
    NodeDied, ReadinessTimeout, KafkaFailed or LabError.
    """
    require_program(command[0])
    name = request.spec.name
    existing = store.load(name)
    if existing and not (is_orphaned(existing) and store.is_free(name)):
        raise SpecError([f"the lab {name} exists already, and `run` removes its own lab at the end"], OTHER_NAME)
    if existing:
        down(name, store, reporter, only_if=is_orphaned)
    owner = ProcessId.of(os.getpid())
    try:
        result = up(request, store, reporter, owner=owner)
        if result.status != "passed":
            return 1
        plan = open_lab(name, store, reporter).plan
        return run_in_foreground(command, os.environ | client_variables(plan))
    finally:
        ignore_signals()
        record = store.load(name)
        if record and record.belongs_to(owner):
            down(name, store, reporter)


def gc(store: LabStore, reporter: Reporter, older_than: timedelta | None = None) -> Iterator[tuple[str, list[str]]]:
    """Remove incomplete labs, those whose owner has ended, and with `older_than` those created before that.

    Yield (lab, what was removed). A lab of `up` has no owner, and stays. Raises HostError where the state folder
    can't be used, and what `down_each` raises: the first LabError, after an attempt on each.
    """

    def unwanted(record: LabRecord) -> bool:
        return is_orphaned(record) or (older_than is not None and _age(record) > older_than)

    store.sweep()
    sweep_cache()
    lost = lost_labs(store)
    for sentence in lost.values():  # it may be a lab of a newer labctl: nobody but the user removes it
        reporter.note(sentence)
    found = {name: store.load(name) for name in store.names() if name not in lost}
    wanted = [name for name, record in found.items() if record is None or unwanted(record)]
    yield from down_each([name for name in wanted if store.is_free(name)], store, reporter, unwanted)


def down_each(
    names: Sequence[str],
    store: LabStore,
    reporter: Reporter,
    only_if: Callable[[LabRecord], bool] = lambda _record: True,
) -> Iterator[tuple[str, list[str]]]:
    """Remove these labs, and yield (lab, what was removed).

    Raises the first LabError of `down` (HostError, RuntimeFailed, SpecError), after an attempt on each.
    """
    failures = []
    for name in names:
        try:
            yield name, down(name, store, reporter, only_if)
        except LabError as error:
            reporter.note(f"the lab {name} could not be removed: {error.message}")
            failures.append(error)
    if failures:
        raise failures[0]


def is_orphaned(record: LabRecord) -> bool:
    """Return whether nobody uses the lab any more: it is incomplete, or its owner has ended."""
    return record.phase == STARTING or (record.owner is not None and record.owner.process() is None)


def _age(record: LabRecord) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(record.created_at)
