"""The rules of `labctl lint`, applied to containers as they are: what their settings and their networks can't do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labctl.lint.addresses import is_any, is_loopback
from labctl.lint.compose.model import Command, HealthCheck, Limit, Mount, Port, Service, Stack, Variable
from labctl.lint.compose.tree import Place
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT, find_image
from labctl.lint.linter import examine
from labctl.lint.rule import Finding, Setup
from labctl.runtime.docker.inspected import Inspected

# rules about a file that is to be started, which is not what a running container is about
ABOUT_FILES = {"KAFKA-ONE-SHOT-WAIT", "KAFKA-DATA-FOLDER-OWNER", "KAFKA-IMAGE-WITHDRAWN", "KAFKA-IMAGE-UNMAINTAINED"}


def container_findings(
    container: Inspected, others: Sequence[Inspected]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return what the rules find in a container's settings and in those of `others` around it, the worst first."""
    found = [one for one in examine(stack_of([container, *others])).findings if one.rule not in ABOUT_FILES]
    own = _place(container)
    return tuple(one for one in found if one.place == own), tuple(one for one in found if one.place != own)


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """A listener for clients in containers: its address inside the container, for others, and its protocol."""

    inside: str
    beside: str
    protocol: str


def client_address(container: Inspected, others: Sequence[Inspected]) -> ClientAddress | None:
    """Return the listener of a container's Kafka for clients in containers; None where its listeners are not known.

    It is the first one whose advertised address is not localhost; a plaintext one before others.
    """
    node = Setup(stack_of([container, *others])).node(_name(container))
    if node is None:
        return None
    usable = [
        (node.protocols.get(one.name, "PLAINTEXT"), one)
        for one in node.listeners
        if one.name not in node.controller_names and one.port
    ]

    if not usable:
        return None
    local = {one.name for one in node.advertised if is_loopback(one.host)}
    protocol, listener = min(usable, key=lambda pair: (pair[0] != "PLAINTEXT", pair[1].name in local))
    inside = "localhost" if is_any(listener.host) else listener.host
    return ClientAddress(f"{inside}:{listener.port}", f"{_name(container)}:{listener.port}", protocol)


def host_address(container: Inspected, others: Sequence[Inspected]) -> str | None:
    """Return HOST:PORT at which clients on this machine reach a container's Kafka; None where they can't.

    It is what the container advertises for this machine and publishes, else a published port of a listener.
    """
    node = Setup(stack_of([container, *others])).node(_name(container))
    published = {inside: outside for inside, outside, _address in container.ports if outside}
    if node is None:
        return None
    listeners = [one for one in node.listeners if one.name not in node.controller_names and one.port in published]
    meant = [
        sent for one in listeners if (sent := node.advertised_as(one.name)) and is_loopback(sent.host) and sent.port
    ]
    here = next((sent for sent in meant if sent.port in published.values()), None)
    if here:
        return f"localhost:{here.port}"
    return f"localhost:{published[listeners[0].port]}" if listeners and listeners[0].port else None


def stack_of(containers: Sequence[Inspected]) -> Stack:
    """Return containers as the services of a stack."""
    services = {_name(each): _service(each) for each in containers}
    return Stack(("docker",), "", services, frozenset(), {})


def _name(container: Inspected) -> str:
    return container.service or container.name


def _place(container: Inspected) -> Place:
    return Place(f"container {container.name}", 1, 1)


def _image(container: Inspected) -> str:
    """The image by a name whose family is known: a copy under another name has the same start script."""
    if find_image(container.image):
        return container.image
    started = " ".join(container.image_command)
    known = next((family for family in (APACHE, CONFLUENT, BITNAMI) if family.runs[0] in started), None)
    return f"{known.repositories[0]}@sha256:unknown" if known else container.image


def _service(container: Inspected) -> Service:
    place = _place(container)
    kinds: dict[str, Literal["volume", "bind", "tmpfs"]] = {"volume": "volume", "bind": "bind", "tmpfs": "tmpfs"}
    return Service(
        name=_name(container),
        place=place,
        image=_image(container),
        image_place=place,
        built=False,
        environment={name: Variable(name, value, place) for name, value in container.environment.items()},
        ports=tuple(Port(inside, outside, address, "tcp", place) for inside, outside, address in container.ports),
        mounts=tuple(
            Mount(kinds.get(kind, "volume"), source, target, place, container.tmpfs_modes.get(target))
            for kind, source, target in container.mounts
        ),
        networks=dict(container.networks) or {"none": ()},
        network_mode=container.network_mode,
        depends_on={},
        command=Command(container.command, place) if container.command else None,
        entrypoint=None,
        health=HealthCheck(container.health_command[1:], container.health_command[0] == "CMD-SHELL", False, place)
        if container.health_command
        else None,
        memory=Limit(container.memory, place) if container.memory else None,
        container_name=container.name,
        hostname=container.hostname,
        other_names=(),
        profiles=frozenset(),
        user="",
        replicas=1,
    )
