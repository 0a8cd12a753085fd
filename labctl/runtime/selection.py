"""Which runtime a lab uses, which web page, and on which engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.errors import LabError, SpecError
from labctl.plan.model import Decision, EngineFacts
from labctl.plan.planner import KAFBAT_REQUESTED, LAB_PAGE, image_name, kafbat_container
from labctl.plan.services import service_images
from labctl.runtime_traits import RUNTIMES
from labctl.spec.model import LabSpec
from labctl.system.parallel import run_all

if TYPE_CHECKING:
    from labctl.runtime.docker.engine import Engine

ENGINE_SECONDS = 1.0
MANIFEST_SECONDS = 5.0
REQUESTED = "as requested"


def choose(spec: LabSpec, *, ask_registry: bool = True) -> tuple[Decision, EngineFacts | None]:
    """Return the runtime to use, and why; `auto` looks for an engine and for the lab's image.

    The facts of the engine are there where `auto` chose it; that of a requested runtime is not looked for.
    """
    if spec.runtime == "auto":
        return _automatic(spec, ask_registry=ask_registry)
    return Decision(spec.runtime, REQUESTED), None


def choose_ui(spec: LabSpec, runtime: Decision, host: str, *, ask_registry: bool = True) -> Decision:
    """Return the web page of a lab whose engine is on `host` ("": this machine), and why. Raises SpecError."""
    kind, has_kafbat = spec.ui.kind, RUNTIMES[runtime.name].has_kafbat
    if kind == "kafbat":
        if not has_kafbat:
            what = f"ui.kind: kafbat is a container beside the nodes, and the runtime {runtime.name} has none"
            raise SpecError([what], "--runtime compose")
        if host:
            raise SpecError(
                [f"ui.kind: kafbat would be reachable on {host} alone, where the engine is"], "set kind page"
            )
        return KAFBAT_REQUESTED
    possible = has_kafbat and not host and not spec.security.profile.requires_login
    reason = _kafbat_available(spec, ask_registry=ask_registry) if kind == "auto" and possible else ""
    return Decision("kafbat", f"Kafbat UI, auto: {reason}") if reason else LAB_PAGE


def _kafbat_available(spec: LabSpec, *, ask_registry: bool) -> str:
    """Why Kafbat's image is available; "" where it is not, or where somebody else's container has its name."""
    from labctl.runtime.docker.engine import Engine

    engine, image = Engine(), spec.ui.image
    with contextlib.suppress(LabError):
        if engine.containers([kafbat_container(spec.name)]):
            return ""
        if engine.has_image(image):
            return f"{image} is present"
        if ask_registry and spec.kafka.pull != "never" and engine.has_manifest(image, MANIFEST_SECONDS):
            return f"{image} can be pulled"
    return ""


def _automatic(spec: LabSpec, *, ask_registry: bool) -> tuple[Decision, EngineFacts | None]:
    from labctl.runtime.docker.engine import Engine
    from labctl.runtime.docker.errors import require_engine_version
    from labctl.runtime.docker.facts import advertised_host, engine_facts
    from labctl.runtime.docker.own_container import published_host

    engine, image = Engine(), image_name(spec)
    try:
        version = engine.version(ENGINE_SECONDS)
        require_engine_version(version)
        published = published_host(engine, advertised_host(spec))
        jobs: list[Callable[[], Any]] = [partial(_missing_images, engine, spec), engine.compose_version, engine.place]
        missing, _compose, place = run_all(jobs, len(jobs))
        facts, responds = engine_facts(place, version, published), f"auto: {version} responds"
        if not missing:
            return Decision("compose", f"{responds} and has {image}"), facts
        image = missing[0]
        if spec.kafka.pull == "never":
            return Decision("local", f"{responds}, {image} is not present and kafka.pull is never"), None
        if not ask_registry:
            return Decision("compose", f"{responds}, if {image} can be pulled"), facts
        image = next((each for each in missing if not engine.has_manifest(each, MANIFEST_SECONDS)), "")
        if not image:
            return Decision("compose", f"{responds} and can pull {' and '.join(missing)}"), facts
    except LabError as error:
        return Decision("local", f"auto: {error.message.splitlines()[0]}"), None
    return Decision("local", f"{responds}, but {image} is not present and no registry has it"), None


def _missing_images(engine: Engine, spec: LabSpec) -> list[str]:
    """The images of the lab's nodes and services that the engine does not have."""
    images = [image_name(spec), *service_images(spec)]
    present = run_all([partial(engine.has_image, image) for image in images], len(images))
    return [image for image, there in zip(images, present, strict=True) if not there]
