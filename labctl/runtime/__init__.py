"""The ways to run a lab: RUNTIMES is the table, `choose` decides."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import LabError, SpecError
from labctl.parallel import both
from labctl.plan import Choice, LabPlan
from labctl.render import ui_container
from labctl.runtime.base import Progress, Runtime
from labctl.runtime.docker_faults import refuse_old_engine
from labctl.spec import LabSpec

if TYPE_CHECKING:
    from labctl.runtime.container import Container

ENGINE_SECONDS = 1.0
MANIFEST_SECONDS = 5.0


def _compose(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    from labctl.runtime.compose import ComposeRuntime

    return ComposeRuntime(plan, files, progress)


def _local(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    from labctl.runtime.local import LocalRuntime

    return LocalRuntime(plan, files, progress)


def _local_kafka(spec: LabSpec) -> None:
    from labctl.kafkadist.prepared import require_version

    require_version(spec.kafka.version)


@dataclass(frozen=True, slots=True)
class RuntimeKind:
    """A way to run a lab: what opens it for a plan, and what raises SpecError for a spec that it can't run."""

    open: Callable[[LabPlan, Path, Progress], Runtime]
    validate: Callable[[LabSpec], None] = lambda _spec: None


RUNTIMES = {"compose": RuntimeKind(_compose), "local": RuntimeKind(_local, _local_kafka)}


def choose(wanted: str, image: str, *, pull: str = "missing", ask_registry: bool = True) -> Choice:
    """The runtime to use, and why; `auto` looks for an engine and `image`. Raises SpecError for a wrong name."""
    if wanted == "auto":
        return _automatic(image, pull, ask_registry=ask_registry)
    if wanted not in RUNTIMES:
        raise SpecError([f"runtime: there is no {wanted}; there are auto, {', '.join(RUNTIMES)}"])
    return Choice(wanted, "asked for")


def choose_ui(spec: LabSpec, runtime: Choice, host: str, *, ask_registry: bool = True) -> Choice:
    """The web page of a lab whose engine is on `host` ("": this machine), and why. Raises SpecError."""
    kind = spec.ui.kind
    if kind == "kafbat":
        if runtime.name != "compose":
            raise SpecError(["ui.kind: kafbat is a container, and this lab runs as processes"], "--runtime compose")
        if host:
            raise SpecError(
                [f"ui.kind: kafbat would be reached on {host} alone, where the engine is"], "take kind page"
            )
        return Choice("kafbat", "Kafbat UI, asked for")
    plain = runtime.name == "compose" and not host and spec.security.protocol == "plaintext"
    reason = _kafbat_at_hand(spec, ask_registry=ask_registry) if kind == "auto" and plain else ""
    return Choice("kafbat", f"Kafbat UI, auto: {reason}") if reason else Choice("page", "the lab page")


def _kafbat_at_hand(spec: LabSpec, *, ask_registry: bool) -> str:
    """Why Kafbat can be had; nothing where it can't, or where somebody else's container has its name."""
    from labctl.runtime.engine import Engine

    engine, image = Engine(), spec.ui.image
    with contextlib.suppress(LabError):
        if engine.containers([ui_container(spec.name)]):
            return ""
        if engine.has_image(image):
            return f"{image} is here"
        if ask_registry and spec.kafka.pull != "never" and engine.has_manifest(image, MANIFEST_SECONDS):
            return f"{image} can be pulled"
    return ""


def find_engine(runtime: Choice) -> tuple[str, str]:
    """The engine that the runtime's nodes will be on, and its machine: what `Engine.place` tells. Raises HostError."""
    if runtime.name != "compose":
        return "", ""
    from labctl.runtime.engine import Engine, load_client

    return both(Engine().place, load_client)[0]


def open_container(name: str) -> Container:
    """A running container that somebody else started. Raises HostError or LabStopped."""
    from labctl.runtime.container import Container
    from labctl.runtime.engine import Engine

    container = Container(Engine(), name)
    container.require_running()
    return container


def open_runtime(plan: LabPlan, files: Path, progress: Progress) -> Runtime:
    """The runtime of the plan; `files` is the folder of its rendered files."""
    return RUNTIMES[plan.runtime.name].open(plan, files, progress)


def validate(spec: LabSpec, runtime: Choice) -> None:
    """Raise SpecError where `runtime` can't run what `spec` asks for. Nothing of this machine is examined."""
    RUNTIMES[runtime.name].validate(spec)


def _automatic(image: str, pull: str, *, ask_registry: bool) -> Choice:
    from labctl.runtime.engine import Engine

    engine = Engine()
    try:
        version = engine.version(ENGINE_SECONDS)
        refuse_old_engine(version)
        answers = f"Docker Engine {version} answers"
        here, _compose = both(lambda: engine.has_image(image), engine.compose_version)
        if here:
            return Choice("compose", f"auto: {answers} and has {image}")
        if pull == "never":
            return Choice("local", f"auto: {answers}, {image} is not here and kafka.pull is never")
        if not ask_registry:
            return Choice("compose", f"auto: {answers}, if {image} can be pulled")
        if engine.has_manifest(image, MANIFEST_SECONDS):
            return Choice("compose", f"auto: {answers} and can pull {image}")
    except LabError as error:
        return Choice("local", f"auto: {error.message.splitlines()[0]}")
    return Choice("local", f"auto: {answers}, but {image} is not here and no registry tells of it")
