"""Removing a lab: nodes, page, proxy, rendered files, data."""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePath

from labctl.errors import LabError
from labctl.lab.existing import planned, recorded_spec
from labctl.lab.run_log import RunLog
from labctl.proxy.process import stop_proxy
from labctl.runtime.access import render
from labctl.runtime.base import Runtime
from labctl.state.store import LabRecord, LabStore
from labctl.system.own_folder import own_folder
from labctl.webui.page.process import stop_page


def remove_lab(runtime: Runtime | None, record: LabRecord, store: LabStore) -> list[str]:
    """Remove everything of the lab but its reports, and return what was removed.

    Raises HostError or RuntimeFailed where the runtime can't, SpecError or LabError where the record can't be used.
    """
    plan = planned(recorded_spec(record), record)
    try:
        removed = runtime.down() if runtime else []
    finally:
        beside = stop_page(plan) + stop_proxy(plan)
    removed += beside
    _remove_rendered_files(Path(record.folder), list(render(plan)))
    if store.remove(record.name):
        removed.append(f"data of lab {record.name}")
    return removed


def remove_failed_lab(
    runtime: Runtime | None, record: LabRecord, store: LabStore, log: RunLog, *, started: bool
) -> None:
    """Remove a lab that did not come up. What stopped `up` may stop this too; that must not hide the first failure."""
    try:
        remove_lab(runtime, record, store)
    except LabError as error:
        if started:
            log.note(f"the lab was not removed completely: {error.message}; try: labctl down --name {record.name}")
        else:
            store.remove(record.name)


def _remove_rendered_files(folder: Path, paths: list[str]) -> None:
    """Remove them, and folders that are empty then. A folder that is not the user's any more must not keep the lab."""
    for path in map(PurePath, paths):
        with contextlib.suppress(OSError), own_folder(folder, path.parent) as parent:
            parent.remove_file(path.name)
    for name in {PurePath(path).parts[0] for path in paths if len(PurePath(path).parts) > 1}:
        with contextlib.suppress(OSError), own_folder(folder) as parent:
            parent.remove_empty(name)
