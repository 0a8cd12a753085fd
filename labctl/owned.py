"""Labs that live for one process, and taking away those that outlived it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from labctl.environment import client_variables
from labctl.errors import LabError, SpecError
from labctl.foreground import refuse_missing, run_in_front
from labctl.interrupts import heed_no_more
from labctl.kafkadist.prepared import sweep as sweep_cache
from labctl.lab import OTHER_NAME, Wish, down, open_lab, up
from labctl.processes import ProcessId
from labctl.runlog import Say
from labctl.store import LabRecord, LabStore


def run(wish: Wish, store: LabStore, say: Say, command: Sequence[str]) -> int:
    """Bring up a lab for `command` alone, run it with the lab's environment, take the lab away in any case.

    The exit code is the command's; 1 where a check failed, and then it was not started. Raises SpecError where there is
    a lab of this name already (that one is somebody's), or no such command.
    """
    refuse_missing(command[0])
    name = wish.spec.name
    there = store.load(name)
    if there and not (is_left_over(there) and store.is_free(name)):
        raise SpecError(
            [f"the lab {name} is there already, and `run` takes its own lab away in the end"],
            OTHER_NAME,
        )
    if there:
        down(name, store, say, only_if=is_left_over)
    me = ProcessId.of(os.getpid())
    try:
        result = up(wish, store, say, owner=me)
        if result.status != "passed":
            return 1
        _record, plan, _runtime = open_lab(name, store, say)
        return run_in_front(command, os.environ | client_variables(plan))
    finally:
        heed_no_more()
        record = store.load(name)
        if record and record.belongs_to(me):
            down(name, store, say)


def gc(store: LabStore, say: Say, older_than: timedelta | None = None) -> Iterator[tuple[str, list[str]]]:
    """Take away half-made labs, those whose owner is gone, and with `older_than` those that were made before.

    (lab, what was removed) as they go. A lab that `up` made has no owner, and stays. Raises what `down_each` does.
    """

    def unwanted(record: LabRecord) -> bool:
        return is_left_over(record) or (older_than is not None and _age(record) > older_than)

    store.sweep()
    sweep_cache()
    found = {name: store.load(name) for name in store.names()}
    wanted = [name for name, record in found.items() if record is None or unwanted(record)]
    yield from down_each([name for name in wanted if store.is_free(name)], store, say, unwanted)


def down_each(
    names: Sequence[str], store: LabStore, say: Say, only_if: Callable[[LabRecord], bool] = lambda _record: True
) -> Iterator[tuple[str, list[str]]]:
    """Take these labs away; (lab, what was removed) as they go. Raises the first LabError after all were tried."""
    failures = []
    for name in names:
        try:
            yield name, down(name, store, say, only_if)
        except LabError as error:
            say.note(f"the lab {name} could not be taken away: {error.message}")
            failures.append(error)
    if failures:
        raise failures[0]


def _age(record: LabRecord) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(record.created_at)


def is_left_over(record: LabRecord) -> bool:
    """Whether nobody waits for the lab any more: half-made, or its owner is gone."""
    return record.phase == "starting" or (record.owner is not None and record.owner.process() is None)
