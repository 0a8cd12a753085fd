"""What is observed of a Docker Engine when a lab is created."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

from labctl.plan.model import EngineFacts
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.engine_version import EngineVersion
from labctl.runtime.docker.errors import require_engine_version
from labctl.runtime.docker.own_container import published_host
from labctl.spec.model import LabSpec
from labctl.system.parallel import run_all


def observed(spec: LabSpec) -> EngineFacts:
    """Return the facts of the engine that docker uses.

    Raises HostError where the engine is too old, or outside of the container in which labctl runs; RuntimeFailed.
    """
    engine = Engine()
    jobs: list[Callable[[], Any]] = [
        engine.place,
        engine.version,
        partial(published_host, engine, advertised_host(spec)),
    ]
    place, version, published = run_all(jobs, len(jobs))
    require_engine_version(version)
    return engine_facts(place, version, published)


def engine_facts(place: tuple[str, str], version: EngineVersion, published: str) -> EngineFacts:
    """Return the facts of an engine, of what `Engine.place`, `Engine.version` and `published_host` returned."""
    pin, host = place
    shares_memory = not host and version.kernel in {"", platform.release()}
    return EngineFacts(pin, host or published, version.kind, shares_memory)


def advertised_host(spec: LabSpec) -> str:
    """Return a host name that brokers advertise: an engine's are all on one machine."""
    return spec.listeners.external.advertised_by(spec.kafka.broker_names[0])
