"""The decisions about the programs beside Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import SpecError
from labctl.plan.model import Identity, ServicePlan, prefixed_name
from labctl.service_kinds import SERVICES

if TYPE_CHECKING:
    from labctl.runtime_traits import RuntimeTraits
    from labctl.spec.model import LabSpec


def plan_services(spec: LabSpec, traits: RuntimeTraits, identity: Identity) -> tuple[ServicePlan, ...]:
    """Return the services of a lab. Raises SpecError where one can't run there."""
    wanted = spec.services.wanted
    if wanted and not traits.has_services:
        raise SpecError([f"services.{next(iter(wanted))}: this runtime has no services"], "--runtime local or compose")
    if wanted and identity.engine_host:
        problem = f"a service listens on 127.0.0.1 alone, and the Docker Engine is on {identity.engine_host}"
        hint = "run the lab on that machine, or here: --runtime local"
        raise SpecError([f"services.{next(iter(wanted))}: {problem}"], hint)
    return tuple(_service(spec, traits, identity, kind) for kind in wanted)


def service_images(spec: LabSpec) -> list[str]:
    """Return the images of services that have one of their own."""
    images = (getattr(service, "image", "") for service in spec.services.wanted.values())
    return [image for image in images if image]


def service_heaps(spec: LabSpec) -> list[str]:
    """Return the Java heap of each service of a lab, like 512m."""
    return [getattr(keys, "heap", SERVICES[kind].heap) for kind, keys in spec.services.wanted.items()]


def _service(spec: LabSpec, traits: RuntimeTraits, identity: Identity, kind: str) -> ServicePlan:
    service, keys = SERVICES[kind], spec.services.wanted[kind]
    container = prefixed_name(spec.name, service.name)
    port = _port(kind, keys.port, identity)
    return ServicePlan(
        kind=kind,
        name=service.name,
        port=port,
        inner_port=service.inner_port if traits.own_addresses else port,
        path=service.path,
        heap=getattr(keys, "heap", service.heap),
        image=getattr(keys, "image", ""),
        container=container,
        folder=traits.service_folder.format(state=identity.state, service=service.name),
        plugins=tuple(getattr(keys, "plugins", ())),
        login_file=f"{identity.state}/{service.name}/login" if service.uses_files and not traits.containers else "",
    )


def _port(kind: str, port: int | str, identity: Identity) -> int:
    """The port of this machine. One that is auto was chosen when the lab was created."""
    if isinstance(port, int):
        return port
    chosen = dict(identity.service_ports).get(kind)
    if chosen is None:
        problem = f"services.{kind}.port: labctl chooses a free port when it creates a lab, and this lab exists"
        raise SpecError([problem], "set a port; or remove the lab with its data: labctl down, then labctl up")
    return chosen
