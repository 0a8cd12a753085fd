"""Which runtime a lab uses, which web page, and on which engine."""

from __future__ import annotations

import contextlib

from labctl.errors import LabError, SpecError
from labctl.plan.model import Decision
from labctl.plan.planner import KAFBAT_REQUESTED, LAB_PAGE, kafbat_container
from labctl.runtime_traits import RUNTIMES
from labctl.spec.model import LabSpec
from labctl.system.parallel import run_pair

ENGINE_SECONDS = 1.0
MANIFEST_SECONDS = 5.0
REQUESTED = "as requested"


def choose(wanted: str, image: str, *, pull: str = "missing", ask_registry: bool = True) -> Decision:
    """Return the runtime to use, and why; `auto` looks for an engine and `image`. Raises SpecError for a wrong name."""
    if wanted == "auto":
        return _automatic(image, pull, ask_registry=ask_registry)
    if wanted not in RUNTIMES:
        raise SpecError([f"runtime: there is no {wanted}; there are auto, {', '.join(RUNTIMES)}"])
    return Decision(wanted, REQUESTED)


def choose_ui(spec: LabSpec, runtime: Decision, host: str, *, ask_registry: bool = True) -> Decision:
    """Return the web page of a lab whose engine is on `host` ("": this machine), and why. Raises SpecError."""
    kind, containers = spec.ui.kind, RUNTIMES[runtime.name].containers
    if kind == "kafbat":
        if not containers:
            raise SpecError(["ui.kind: kafbat is a container, and this lab runs as processes"], "--runtime compose")
        if host:
            raise SpecError(
                [f"ui.kind: kafbat would be reachable on {host} alone, where the engine is"], "set kind page"
            )
        return KAFBAT_REQUESTED
    possible = containers and not host and not spec.security.profile.requires_login
    reason = _kafbat_available(spec, ask_registry=ask_registry) if kind == "auto" and possible else ""
    return Decision("kafbat", f"Kafbat UI, auto: {reason}") if reason else LAB_PAGE


def find_engine(runtime: Decision) -> tuple[str, str]:
    """Return the engine for the runtime's nodes, and its machine, as `Engine.place` does; ("", "") where it needs none.

    Raises HostError, RuntimeFailed.
    """
    if not RUNTIMES[runtime.name].containers:
        return "", ""
    from labctl.runtime.docker.engine import Engine, load_client

    return run_pair(Engine().place, load_client)[0]


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


def _automatic(image: str, pull: str, *, ask_registry: bool) -> Decision:
    from labctl.runtime.docker.engine import Engine
    from labctl.runtime.docker.errors import require_engine_version

    engine = Engine()
    try:
        version = engine.version(ENGINE_SECONDS)
        require_engine_version(version)
        responds = f"Docker Engine {version} responds"
        present, _compose = run_pair(lambda: engine.has_image(image), engine.compose_version)
        if present:
            return Decision("compose", f"auto: {responds} and has {image}")
        if pull == "never":
            return Decision("local", f"auto: {responds}, {image} is not present and kafka.pull is never")
        if not ask_registry:
            return Decision("compose", f"auto: {responds}, if {image} can be pulled")
        if engine.has_manifest(image, MANIFEST_SECONDS):
            return Decision("compose", f"auto: {responds} and can pull {image}")
    except LabError as error:
        return Decision("local", f"auto: {error.message.splitlines()[0]}")
    return Decision("local", f"auto: {responds}, but {image} is not present and no registry has it")
