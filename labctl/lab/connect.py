"""The connectors of a lab: created from files, observed, restarted, deleted."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl.errors import LabStopped, ReadinessTimeout, ServiceFailed, SpecError
from labctl.lab.existing import open_lab
from labctl.lab.services import service_state
from labctl.plan.model import ServicePlan
from labctl.runtime.base import Progress
from labctl.services import connectors
from labctl.services.connectors import Connector
from labctl.spec.text_file import read_text_file
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline, NotReady, wait_until

SETTLE_SECONDS = 30.0  # for the tasks of a connector that was created, changed or restarted
STABLE_SECONDS = 1.0  # with the same states: those of before the change are reported for a moment
UNSTABLE = {"UNASSIGNED", "RESTARTING"}  # states on the way to others
INVALID = 400  # HTTP status for a wrong configuration
NO_CLASS = "Failed to find any class that implements Connector"
CLASS = "connector.class"


@dataclass(frozen=True, slots=True)
class ConnectorFile:
    """A connector as a file has it: where, its name, and its configuration."""

    path: Path
    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """A connector of a file: whether it is new, and its state when its tasks had started or failed."""

    is_new: bool
    connector: Connector


def connect_service(name: str, store: LabStore, progress: Progress) -> ServicePlan:
    """Return the Kafka Connect of a lab.

    Raises LabStopped where the lab has none, or it does not run: somebody else may have its port then, and would
    receive its login. LabError as `open_lab`.
    """
    lab = open_lab(name, store, progress)
    service = lab.plan.service("connect")
    if service is None:
        raise LabStopped(
            f"the lab {name} has no Kafka Connect",
            "set services: {connect: true} in lab.yaml, then labctl stop and labctl up",
        )
    if service_state(lab.runtime, service).state != "running":
        raise LabStopped(f"the Kafka Connect of the lab {name} does not run", "labctl up starts it")
    return service


@contextlib.contextmanager
def known_connector(service: ServicePlan, name: str) -> Iterator[None]:
    """Raise SpecError, with the names that exist, where the block finds no connector called `name`."""
    try:
        yield
    except ServiceFailed as error:
        if error.status != connectors.NOT_FOUND:
            raise
        names = ", ".join(connectors.names(service)) or "none"
        raise SpecError([f"there is no connector {name}; there are {names}"]) from None


def read_files(paths: Sequence[Path]) -> list[ConnectorFile]:
    """Return the connectors of JSON files. Raises SpecError with everything that is wrong with any of them.

    A file is {"name": …, "config": {…}}, as Kafka Connect's REST API has it, or the configuration alone, whose name is
    in it or is that of the file.
    """
    found: list[ConnectorFile] = []
    problems: list[str] = []
    for path in paths:
        try:
            found.append(_read_file(path))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems, 'a connector: {"name": "…", "config": {"connector.class": "…", …}}')
    return found


def _read_file(path: Path) -> ConnectorFile:
    try:
        document = json.loads(read_text_file(path))
    except ValueError as error:
        raise SpecError([f"{path}: no JSON: {error}"]) from None
    config = document.get("config", document) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise SpecError([f"{path}: a connector is an object with its configuration"])
    wrong = [key for key, value in config.items() if not isinstance(value, str | int | float | bool)]
    if wrong:
        raise SpecError([f"{path}: {key}: a setting is text, a number, true or false" for key in wrong])
    if CLASS not in config:
        raise SpecError([f"{path}: {CLASS} is missing"])
    name = document.get("name") or config.get("name") or path.stem
    return ConnectorFile(path, str(name), {key: value for key, value in config.items() if key != "name"})


def apply_files(service: ServicePlan, files: Sequence[ConnectorFile]) -> Iterator[Applied]:
    """Create or change the connectors of files; yield each when its tasks have started or failed.

    Raises SpecError where Kafka Connect refuses a configuration; ServiceFailed, HostError.
    """
    for file in files:
        try:
            is_new = connectors.apply(service, file.name, file.config)
        except ServiceFailed as error:
            raise _refused(file, error) from None
        yield Applied(is_new, settled(service, file.name))


def _refused(file: ConnectorFile, error: ServiceFailed) -> ServiceFailed | SpecError:
    """The error for a configuration that Kafka Connect refuses: a line for each setting that is wrong."""
    if error.message.startswith(NO_CLASS):
        return SpecError(
            [f"{file.path}: {CLASS}: Kafka Connect has no connector {file.config[CLASS]}"],
            "labctl connect plugins lists those it has; services.connect.plugins in lab.yaml adds others",
        )
    if error.status != INVALID:
        return error
    lines = [line.strip() for line in error.message.splitlines()[1:] if line.strip()]
    problems = [line for line in lines if not line.startswith("You can also find")]
    return SpecError([f"{file.path}: {line}" for line in problems or [error.message]])


def settled(service: ServicePlan, name: str) -> Connector:
    """Return a connector when its tasks have run or failed for STABLE_SECONDS, or after SETTLE_SECONDS as it is then.

    Raises ServiceFailed, HostError.
    """
    probe = _Settling(service, name).probe
    try:
        return wait_until(probe, what=f"the tasks of {name}", deadline=Deadline.after(SETTLE_SECONDS)).result
    except ReadinessTimeout:
        return connectors.status(service, name)


class _Settling:
    """A connector on the way to a state that stays."""

    def __init__(self, service: ServicePlan, name: str) -> None:
        self._service = service
        self._name = name
        self._last: Connector | None = None
        self._since = 0.0

    def probe(self) -> Connector:
        """Return the connector when its state has stayed the same. Raises NotReady before, ServiceFailed, HostError."""
        try:
            found = connectors.status(self._service, self._name)
        except ServiceFailed as error:
            if error.status != connectors.NOT_FOUND:
                raise
            raise NotReady(error.message) from error  # the worker has not started it yet
        now = time.monotonic()
        if found != self._last:
            self._last, self._since = found, now
        states = {found.state, *(task.state for task in found.tasks)}
        waits = not found.tasks and found.state == "RUNNING"
        if waits or states & UNSTABLE or now - self._since < STABLE_SECONDS:
            raise NotReady(", ".join(sorted(states)))
        return found
