"""What labs there are on this machine: identity, folders, locks. A lab is (user, name)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from labctl.errors import HostError, SpecError, unwritable
from labctl.files import write_whole
from labctl.fixed import CONTROLLER_PORT, INSIDE_PORT
from labctl.host import free_loopback, free_ports
from labctl.plan import Choice, HostFacts, Identity
from labctl.processes import ProcessId

if TYPE_CHECKING:
    from labctl.spec import LabSpec

OTHER_FOLDER = "free some space, give it back to yourself (chown, chmod), or name another one in XDG_STATE_HOME"


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A lab of this user, as it was made: everything `down`, `status` and `up` again need to know."""

    name: str
    source: str  # absolute path of lab.yaml; "" for the homework lab
    folder: str  # rendered files and reports
    runtime: Choice
    spec: dict[str, Any]
    identity: Identity
    created_at: str  # RFC 3339
    phase: str  # starting, up, stopped, kept (it did not come up, and stays for a look)
    owner: ProcessId | None = None  # the `labctl run` or test session that the lab lives for

    def belongs_to(self, process: ProcessId | None) -> bool:
        """Whether the lab lives for `process`; None: for nobody alone."""
        if self.owner is None or process is None:
            return self.owner is process
        return self.owner.is_same(process)


class LabStore:
    """The labs of one user. `root` is the user's state folder."""

    def __init__(self, root: Path | None = None) -> None:
        self._given = root

    @cached_property
    def root(self) -> Path:
        """The state folder, made on first use. Raises HostError where it can't be written."""
        root = self._given or Path(platformdirs.user_state_path("labctl"))
        try:
            for folder in (root / "labs", root / "locks"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(root / "labs", os.W_OK):
                raise PermissionError(13, "Permission denied", str(root / "labs"))
        except OSError as error:
            raise unwritable(f"the state folder {root}", error, OTHER_FOLDER) from None
        return root

    def lab_folder(self, name: str) -> Path:
        """Where the lab's data lives."""
        return self.root / "labs" / name

    def load(self, name: str) -> LabRecord | None:
        """The lab called `name`, or None."""
        try:
            values = json.loads((self.lab_folder(name) / "lab.json").read_text(encoding="utf-8"))
            values["runtime"] = Choice(**values["runtime"])
            ui = values["identity"].get("ui")
            values["identity"] = Identity(**values["identity"] | {"ui": Choice(**ui) if ui else None})
            values["owner"] = ProcessId(**values["owner"]) if values.get("owner") else None
            record = LabRecord(**values)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return record if record.name == name else None

    def names(self) -> list[str]:
        """The labs there are, half-made ones too."""
        folders = (path for path in (self.root / "labs").iterdir() if path.is_dir())
        return sorted(path.name for path in folders if not path.name.startswith("."))

    def save(self, record: LabRecord) -> LabRecord:
        """Write the lab's record in one rename. Raises HostError where it can't be written."""
        path = self.lab_folder(record.name) / "lab.json"
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(path, json.dumps(asdict(record), indent=1))
        except OSError as error:
            raise unwritable(path, error, "free some space, or mend the folder") from None
        return record

    def set_phase(self, record: LabRecord, phase: str) -> LabRecord:
        """Note what the lab is: starting, up, stopped or kept."""
        return self.save(replace(record, phase=phase)) if record.phase != phase else record

    def remove(self, name: str) -> bool:
        """Delete the lab's data; False where there was none."""
        folder = self.lab_folder(name)
        if not folder.exists():
            return False
        # under another name first: a kill half-way leaves no lab that looks whole
        doomed = folder.with_name(f".{name}.{uuid.uuid4().hex[:8]}")
        folder.replace(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        return True

    def sweep(self) -> None:
        """Delete what a killed `remove` left."""
        for folder in (self.root / "labs").glob(".*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, name: str, *, doing: str, seconds: float, note: Callable[[str], None]) -> Iterator[None]:
        """Hold the lab for this process. Waits for another labctl `seconds` at most, then says which one has it."""
        from filelock import FileLock, Timeout

        path = self.root / "locks" / f"{name}.lock"
        holder = path.with_suffix(".holder")
        lock = FileLock(path)
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                held = f"the lab {name} is held by {_first_line(holder) or 'another labctl'}"
                note(f"{held}: waiting")
                lock.acquire(timeout=seconds)
            holder.write_text(f"`labctl {doing}`, pid {os.getpid()}\n")
        except Timeout:
            raise HostError(f"{held}, for {seconds:.0f} s now", "wait for it to end, or end it", "lab-held") from None
        except OSError as error:
            lock.release()
            raise unwritable(error.filename or path, error, OTHER_FOLDER) from None
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def is_free(self, name: str) -> bool:
        """Whether no labctl is at work on the lab."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.root / "locks" / f"{name}.lock", timeout=0):
                return True
        except (Timeout, OSError):
            return False

    def create(
        self,
        spec: LabSpec,
        *,
        source: str,
        folder: Path,
        runtime: Choice,
        engine: str,
        engine_host: str,
        ui: Choice,
        facts: HostFacts,
        created_at: str,
        owner: ProcessId | None = None,
    ) -> LabRecord:
        """Make the lab's identity, find free ports and keep both. Raises HostError where no port is free."""
        with self.locked("machine:ports", doing="up", seconds=30, note=lambda _text: None):
            others = [record for name in self.names() if (record := self.load(name))]
            identity = Identity(
                cluster_id=new_cluster_id(),
                state=str(self.lab_folder(spec.name)),
                external_port=_external_port(spec, others),
                ui_port=_ui_port(spec, others),
                engine=engine,
                engine_host=engine_host,
                ui=ui,
                **inside_address(spec.kafka.nodes, facts, {other.identity.loopback for other in others}),
            )
            record = LabRecord(
                name=spec.name,
                source=source,
                folder=str(folder),
                runtime=runtime,
                spec=spec.model_dump(mode="json"),
                identity=identity,
                created_at=created_at,
                phase="starting",
                owner=owner,
            )
            return self.save(record)


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return ""


def refuse_other_source(record: LabRecord, source: str) -> None:
    """Two lab.yaml with one name would fight over one lab. Raises SpecError saying where the first one lives."""
    if record.source != source:
        first = record.source or f"the built-in homework lab, made in {record.folder}"
        raise SpecError(
            [f"the lab {record.name} is there already, from {first}"],
            f"give this one another name (`name:` or --name), or take the first away: labctl down --name {record.name}",
        )


def new_cluster_id() -> str:
    """A random cluster id."""
    return encoded_id(uuid.uuid4())


def encoded_id(value: uuid.UUID) -> str:
    """`value` as Kafka writes ids; url-safe base64, never a leading `-`, which breaks the format command."""
    text = base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


def inside_address(nodes: int, facts: HostFacts, taken: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Where the inside listeners of a local lab are: addresses of its own on Linux, ports of its own elsewhere."""
    if facts.has_loopback_net:
        loopback = free_loopback(nodes, taken)
        return {"loopback": loopback, "inside_port": INSIDE_PORT, "controller_port": CONTROLLER_PORT}
    first = free_ports("127.0.0.1", 2 * nodes)
    return {"loopback": "127.0.0", "inside_port": first, "controller_port": first + 1}


def _external_port(spec: LabSpec, others: list[LabRecord]) -> int:
    door = spec.listeners.external
    if door.port != "auto":
        return door.port
    taken = {
        other.identity.external_port + n for other in others for n in range(int(other.spec["kafka"]["brokers"]))
    } | _ui_ports(spec, others)
    return free_ports(door.bind, spec.kafka.brokers, taken)


def _ui_port(spec: LabSpec, others: list[LabRecord]) -> int:
    if spec.ui.port != "auto":
        return spec.ui.port
    return free_ports("127.0.0.1", 1, {other.identity.external_port for other in others} | _ui_ports(spec, others))


def _ui_ports(spec: LabSpec, others: list[LabRecord]) -> set[int]:
    own = set() if spec.ui.port == "auto" else {spec.ui.port}
    return own | {other.identity.ui_port for other in others}
