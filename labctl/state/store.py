"""Which labs this user has: their records, folders and locks. A lab is (user, name)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from labctl.errors import SpecError, unwritable
from labctl.plan.model import Decision, EngineFacts, HostFacts, Identity, Place
from labctl.runtime_traits import RUNTIMES
from labctl.state import work_folders
from labctl.state.identity import new_identity
from labctl.system import file_lock
from labctl.system.file_lock import hold_lock
from labctl.system.files import file_errors, require_utf8_name, write_whole
from labctl.system.ownership import make_private
from labctl.system.processes import ProcessId

if TYPE_CHECKING:
    from labctl.spec.model import LabSpec

STARTING, UP, CHANGING, STOPPED, KEPT = "starting", "up", "changing", "stopped", "kept"  # phases
RESTORING = "restoring"  # a phase: a snapshot is put in place of the data
INCOMPLETE = {STARTING, KEPT, RESTORING}  # phases of a lab whose data may be incomplete
COPIES = "records"  # of the labs' records, outside their folders: somebody may remove one while its nodes run
PORTS_LOCK = "machine:ports"  # no lab can have this name
PORTS_SECONDS = 30
OTHER_FOLDER = "free some space, give it back to yourself (chown, chmod go-w), or name another folder in XDG_STATE_HOME"


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A lab of this user as it was created: everything that `down`, `status` and the next `up` need."""

    name: str
    source: str  # absolute path of lab.yaml; "" for the homework lab
    folder: str  # rendered files and reports
    runtime: Decision
    spec: dict[str, Any]
    identity: Identity
    created_at: str  # RFC 3339
    # starting, up, changing (nodes may not have the settings of `spec` yet), stopped, kept (it did not come up, and
    # stays so that the user can examine it), restoring (half of its data may be those of a snapshot)
    phase: str
    owner: ProcessId | None = None  # the `labctl run` or test session that the lab lives for

    @property
    def brokers(self) -> int:
        """The number of brokers in its spec."""
        return int(self.spec["kafka"]["brokers"])

    def belongs_to(self, process: ProcessId | None) -> bool:
        """Return whether the lab lives for `process`; with None, whether it has no owner."""
        if self.owner is None or process is None:
            return self.owner is process
        return self.owner.is_same(process)


class LabStore:
    """The labs of one user. `root` is the user's state folder."""

    def __init__(self, root: Path | None = None) -> None:
        self._given = root

    @cached_property
    def root(self) -> Path:
        """The state folder, created on first use.

        Raises HostError where it can't be written, or others can write to it.
        """
        root = self._given or Path(platformdirs.user_state_path("labctl"))
        require_utf8_name(root, "the state folder")
        for folder in (root, root / "labs", root / "locks", root / COPIES):
            make_private(folder, "the state folder", OTHER_FOLDER)
        if not os.access(root / "labs", os.W_OK):
            raise unwritable(f"the state folder {root}", PermissionError(13, "Permission denied"), OTHER_FOLDER)
        return root

    def lab_folder(self, name: str) -> Path:
        """Return the folder of the lab's data. Raises HostError where the state folder can't be written."""
        return self.root / "labs" / name

    def load(self, name: str) -> LabRecord | None:
        """Return the record of the lab called `name`, or its copy where that is lost or damaged; or None.

        Raises HostError where the state folder can't be written.
        """
        return _read(self._record(name), name) or _read(self._copy(name), name)

    def is_damaged(self, name: str) -> bool:
        """Return whether the lab's record is lost or damaged, and there is a copy. Raises HostError."""
        return _read(self._record(name), name) is None and _read(self._copy(name), name) is not None

    def names(self) -> list[str]:
        """Return the names of all labs, incomplete ones too. Raises HostError."""
        root = self.root / "labs"
        with file_errors(root, OTHER_FOLDER):
            folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
            return sorted(folders | {path.stem for path in (self.root / COPIES).glob("*.json")})

    def save(self, record: LabRecord) -> LabRecord:
        """Write the lab's record and its copy, each in one rename, and return it. Raises HostError."""
        for path in (self._record(record.name), self._copy(record.name)):
            with file_errors(path, "free some space, or fix the folder"):
                path.parent.mkdir(mode=0o700, exist_ok=True)
                write_whole(path, json.dumps(asdict(record), indent=1))
        return record

    def set_phase(self, record: LabRecord, phase: str) -> LabRecord:
        """Set the lab's phase, and return the new record. Raises HostError."""
        return self.save(replace(record, phase=phase)) if record.phase != phase else record

    def remove(self, name: str) -> bool:
        """Delete the lab's data, and return whether there was any. Raises HostError."""
        folder = self.lab_folder(name)
        with file_errors(self._copy(name), "fix the folder, then run labctl down again"):
            self._copy(name).unlink(missing_ok=True)
        if not folder.exists():
            return False
        # rename first: a kill in the middle leaves no lab that looks complete
        doomed = folder.with_name(f".{name}.{uuid.uuid4().hex[:8]}")
        with file_errors(folder, "fix the folder, then run labctl down again"):
            folder.replace(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        return True

    def sweep(self) -> None:
        """Delete what killed commands left: half of a lab's data, folders, names of lock holders. Raises HostError."""
        work_folders.sweep(self.root)
        for holder in (self.root / "locks").glob("*.holder"):
            if file_lock.is_free(holder.with_suffix(".lock")):
                holder.unlink(missing_ok=True)
        for folder in (self.root / "labs").glob(".*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, name: str, *, doing: str, seconds: float, note: Callable[[str], None]) -> Iterator[None]:
        """Hold the lab in the block. Where another labctl holds it, report which one, and wait `seconds` at most.

        Raises HostError where it is still held then, or the state folder can't be written.
        """
        path = self._lock(name)
        holder = path.with_suffix(".holder")
        with hold_lock(
            path,
            seconds,
            holder=lambda: f"the lab {name} is in use by {_first_line(holder) or 'another labctl'}",
            note=note,
            unwritable_hint=OTHER_FOLDER,
        ):
            with file_errors(holder, OTHER_FOLDER):
                holder.write_text(f"`labctl {doing}`, pid {os.getpid()}\n")
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # the next holder overwrites it
                    holder.unlink()

    def is_free(self, name: str) -> bool:
        """Return whether no labctl is at work on the lab. Raises HostError."""
        return file_lock.is_free(self._lock(name))

    def create(
        self,
        spec: LabSpec,
        *,
        source: str,
        folder: Path,
        runtime: Decision,
        engine: EngineFacts,
        ui: Decision,
        facts: HostFacts,
        created_at: str,
        owner: ProcessId | None = None,
    ) -> LabRecord:
        """Create the lab's identity with free ports, and return its record.

        Raises HostError where no port is free, or the state folder can't be written.
        """
        with self.locked(PORTS_LOCK, doing="up", seconds=PORTS_SECONDS, note=lambda _text: None):
            others = [record for name in self.names() if (record := self.load(name))]
            identity = new_identity(
                spec,
                facts,
                state=str(self.lab_folder(spec.name)),
                others=[(other.identity, other.brokers) for other in others],
                reserved={port for other in others for port in _internal_ports(other)},
                containers=RUNTIMES[runtime.name].containers,
                engine=engine,
            )
            record = LabRecord(
                name=spec.name,
                source=source,
                folder=str(folder),
                runtime=runtime,
                spec=spec.model_dump(mode="json"),
                identity=replace(identity, ui=ui),
                created_at=created_at,
                phase=STARTING,
                owner=owner,
            )
            return self.save(record)

    def _record(self, name: str) -> Path:
        return self.lab_folder(name) / "lab.json"

    def _copy(self, name: str) -> Path:
        return self.root / COPIES / f"{name}.json"

    def _lock(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"


def refuse_other_source(record: LabRecord, source: str) -> None:
    """Raise SpecError where another lab.yaml created the lab: two with the same name would fight over it."""
    if record.source != source:
        first = record.source or f"the built-in homework lab, created in {record.folder}"
        raise SpecError(
            [f"the lab {record.name} exists already, from {first}"],
            f"give this lab another name (`name:` or --name), or remove the first: labctl down --name {record.name}",
        )


def _read(path: Path, name: str) -> LabRecord | None:
    """The record of the lab in a file; None where it can't be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["runtime"] = Decision(**values["runtime"])
        ui = values["identity"].get("ui")
        removed = tuple(values["identity"].get("removed_controllers", ()))
        places = tuple((node, Place(**place)) for node, place in values["identity"].get("places", ()))
        parsed = {"ui": Decision(**ui) if ui else None, "removed_controllers": removed, "places": places}
        services = tuple((kind, port) for kind, port in values["identity"].get("service_ports", ()))
        values["identity"] = Identity(**values["identity"] | parsed | {"service_ports": services})
        values["owner"] = ProcessId(**values["owner"]) if values.get("owner") else None
        record = LabRecord(**values)
        complete = record.name == name and record.brokers > 0
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if complete else None


def _internal_ports(record: LabRecord) -> set[int]:
    """The internal ports of a local lab's first node, also before it listens there; none of a stopped lab."""
    if record.phase == STOPPED or RUNTIMES[record.runtime.name].containers:
        return set()
    return {record.identity.internal_port, record.identity.controller_port}


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return ""
