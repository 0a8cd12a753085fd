"""Snapshots: the whole state of a lab, kept with it under a name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from labctl.errors import HostError, LabStopped, SpecError
from labctl.lab.existing import LOCK_SECONDS, ExistingLab, open_lab
from labctl.lab.reporter import Reporter
from labctl.lab.saved_lab import (
    OTHER_SPACE,
    SavedLab,
    load_lab,
    read_saved,
    require_complete,
    require_fitting,
    save_lab,
)
from labctl.proxy.process import stop_proxy
from labctl.spec.formats import lab_name
from labctl.state.store import INCOMPLETE, RESTORING, STOPPED, LabStore
from labctl.system.files import file_errors
from labctl.webui.page.process import stop_page

FOLDER = "snapshots"  # in the lab's state folder
UNFINISHED = ".partial"


def checked_name(name: str) -> str:
    """Return the name of a snapshot. Raises SpecError where it is none: the rule is that of a lab's name."""
    try:
        return lab_name(name)
    except ValueError:
        raise SpecError([f"{name}: a snapshot's name is 1 to 40 letters, digits and -"]) from None


def save_snapshot(lab_name: str, name: str, store: LabStore, reporter: Reporter) -> SavedLab:
    """Stop the lab, and keep its data as the snapshot `name`; return it.

    The caller starts the lab again. Raises SpecError where there is a snapshot of this name; HostError, for example
    where another labctl holds the lab; RuntimeFailed; LabStopped where there is no such lab.
    """
    with store.locked(lab_name, doing="snapshot save", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(lab_name, store, reporter)
        _sweep(lab)
        folder = _folder(lab) / checked_name(name)
        if folder.exists():
            raise SpecError(
                [f"the lab {lab_name} has a snapshot {name} already"],
                f"choose another name, or delete it: labctl snapshot delete {name}",
            )
        saved = save_stopped(lab, folder.with_name(folder.name + UNFINISHED), store)
        with file_errors(folder, OTHER_SPACE):
            saved.folder.replace(folder)
        return read_saved(folder)


def save_stopped(lab: ExistingLab, into: Path, store: LabStore) -> SavedLab:
    """Stop a lab that the caller holds, copy it into a folder, and return it.

    Raises HostError, RuntimeFailed, SpecError; LabStopped where a node did not stop.
    """
    if lab.record.phase in INCOMPLETE:
        raise HostError(
            f"the lab {lab.plan.name} is {lab.record.phase}: its data are not complete",
            "labctl snapshot restore NAME, or labctl up, or labctl down",
        )
    _stop(lab, store)
    return save_lab(lab, into, datetime.now(UTC).isoformat(timespec="seconds"))


def restore_snapshot(lab_name: str, name: str, store: LabStore, reporter: Reporter) -> SavedLab:
    """Stop the lab, and put the data of its snapshot `name` in place of its own; return the snapshot.

    The caller starts the lab again. Where it is interrupted, `up` refuses the lab until a snapshot is restored.
    Raises SpecError where there is no such snapshot, or the lab can't have its data; HostError, RuntimeFailed;
    LabStopped where there is no such lab, or a node did not stop.
    """
    with store.locked(lab_name, doing="snapshot restore", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(lab_name, store, reporter)
        saved = _read(lab, name)
        require_fitting(saved, lab.plan)
        require_complete(saved)
        lab.runtime.prepare()  # it refuses containers and volumes of somebody else, too
        _stop(lab, store)
        record = store.set_phase(lab.record, RESTORING)
        load_lab(saved, lab.plan, lab.runtime)
        identity = replace(record.identity, kafka_version=saved.kafka_version)
        store.save(replace(record, phase=STOPPED, identity=identity))
        return saved


def list_snapshots(lab_name: str, store: LabStore, reporter: Reporter) -> list[SavedLab]:
    """Return the snapshots of a lab, oldest first. Raises LabError as `open_lab`, SpecError."""
    folder = _folder(open_lab(lab_name, store, reporter))
    found = []
    for path in _saved_folders(folder):
        try:
            found.append(read_saved(path))
        except SpecError as error:
            reporter.note(error.message)
    return sorted(found, key=lambda saved: saved.created_at)


def delete_snapshot(lab_name: str, name: str, store: LabStore, reporter: Reporter) -> None:
    """Delete a snapshot. Raises SpecError where there is none of this name, HostError."""
    with store.locked(lab_name, doing="snapshot delete", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(lab_name, store, reporter)
        folder = _existing(lab, name)
        with file_errors(folder, OTHER_SPACE):
            doomed = folder.replace(
                folder.with_name(folder.name + UNFINISHED)
            )  # a killed deletion leaves no half of it
            shutil.rmtree(doomed)
        _sweep(lab)


def _saved_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and path.suffix != UNFINISHED)


def _sweep(lab: ExistingLab) -> None:
    """Remove what killed commands left: the caller holds the lab."""
    for path in _folder(lab).glob(f"*{UNFINISHED}"):
        shutil.rmtree(path, ignore_errors=True)


def _read(lab: ExistingLab, name: str) -> SavedLab:
    return read_saved(_existing(lab, name))


def _existing(lab: ExistingLab, name: str) -> Path:
    folder = _folder(lab) / checked_name(name)
    if not folder.is_dir():
        names = [path.name for path in _saved_folders(_folder(lab))]
        raise SpecError(
            [f"the lab {lab.plan.name} has no snapshot {name}; it has {', '.join(names) or 'none'}"],
            "labctl snapshot save NAME creates one",
        )
    return folder


def _folder(lab: ExistingLab) -> Path:
    return Path(lab.plan.state) / FOLDER


def _stop(lab: ExistingLab, store: LabStore) -> None:
    stop_page(lab.plan)
    stop_proxy(lab.plan)
    lab.runtime.stop()
    if lab.state() != "stopped":
        raise LabStopped(f"a node of the lab {lab.plan.name} did not stop", "run the command again")
    if lab.record.phase not in INCOMPLETE:
        store.set_phase(lab.record, STOPPED)
