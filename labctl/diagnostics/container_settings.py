"""The rules of `labctl lint`, applied to containers as they are: what their settings and their networks can't do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labctl.kafka.address import join_address
from labctl.lint.addresses import is_any, is_loopback
from labctl.lint.compose.model import Command, HealthCheck, Limit, Mount, Port, Service, Stack, Variable
from labctl.lint.compose.tree import Place
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT, find_image
from labctl.lint.linter import examine
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Finding, Setup
from labctl.lint.rules.table import HIDES_BROKERS, SPLITS_CLUSTER, STOPS_NODES
from labctl.lint.settings import Endpoint
from labctl.runtime.docker.inspected import Inspected

# rules about a file that is to be started, which is not what a container that exists is about
ABOUT_FILES = {
    "KAFKA-DATA-FOLDER-OWNER",
    "KAFKA-IMAGE-UNMAINTAINED",
    "KAFKA-IMAGE-WITHDRAWN",
    "KAFKA-ONE-SHOT-WAIT",
    "KAFKA-PORT-TWICE",  # docker has refused to start the second one
}
OF_LOGINS = ("KAFKA-SASL-", "KAFKA-SCRAM-", "KAFKA-TLS-")


def container_findings(
    container: Inspected, others: Sequence[Inspected]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return what the rules find in a container's settings and in those of `others` around it, the worst first."""
    found = [one for one in examine(stack_of([container, *others])).findings if one.rule not in ABOUT_FILES]
    own = _place(container)
    return tuple(one for one in found if one.place == own), tuple(one for one in found if one.place != own)


def stops_node(finding: Finding) -> bool:
    """Return whether a finding explains that a node ends."""
    return finding.rule in {rule.id for rule in (*STOPS_NODES, *SPLITS_CLUSTER)}


def breaks_layer(finding: Finding, layer: str) -> bool:
    """Return whether a finding explains that a layer between a client and Kafka does not work."""
    if layer in {"tls", "login"}:
        return finding.rule.startswith(OF_LOGINS)
    return stops_node(finding) or finding.rule in {rule.id for rule in HIDES_BROKERS}


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """A listener for clients in containers: its address inside the container, and its protocol.

    `beside` is its address for other containers on `network`; "" where it is for clients inside alone.
    """

    inside: str
    beside: str
    network: str
    protocol: str


def client_address(container: Inspected, others: Sequence[Inspected]) -> ClientAddress | None:
    """Return the listener of a container's Kafka for clients in containers; None where its listeners are not known.

    It is a plaintext one before others, and one that other containers can use before one for localhost.
    """
    node = _node(container, others)
    usable = [one for one in node.listeners if one.name not in node.controller_names and one.port] if node else []
    if node is None or not usable:
        return None
    advertised = {one.name: one.host for one in node.advertised}

    def is_local(listener: Endpoint) -> bool:
        return is_loopback(listener.host) or is_loopback(advertised.get(listener.name, ""))

    def protocol(listener: Endpoint) -> str:
        return node.protocols.get(listener.name, "PLAINTEXT")

    best = min(usable, key=lambda one: (protocol(one) != "PLAINTEXT", is_local(one)))
    network, names = next(iter(container.networks.items()), ("", ()))
    name = container.service if container.service in names else container.name
    for_others = not is_local(best) or all(is_local(one) for one in usable)
    port = best.port or 0
    inside = join_address("localhost" if is_any(best.host) else best.host, port)
    return ClientAddress(inside, join_address(name, port) if for_others else "", network, protocol(best))


def host_address(container: Inspected, others: Sequence[Inspected], machine: str = "") -> str | None:
    """Return HOST:PORT at which clients on this machine reach a container's Kafka; None where they can't.

    It is what the container advertises for this machine and publishes, else a published port of a listener. `machine`
    is that of the engine; "": this one.
    """
    node = _node(container, others)
    if node is None:
        return None
    listeners = [one for one in node.listeners if one.name not in node.controller_names and one.port]
    published = {inside: (outside, address) for inside, outside, address in container.ports if outside}
    if container.network_mode == "host":
        published = {one.port: (one.port, "") for one in listeners if one.port}
    meant = [sent for one in listeners if one.port in published and (sent := node.advertised_as(one.name))]
    if not machine:
        local = [sent.port for sent in meant if is_loopback(sent.host) and sent.port]
        here = next((port for port in local if port in {outside for outside, _address in published.values()}), None)
        if here:
            return f"localhost:{here}"
    for one in listeners:
        if one.port in published:
            outside, address = published[one.port]
            host = "localhost" if is_any(address) or is_loopback(address) else address
            return join_address(machine or host, outside)
    return None


def stack_of(containers: Sequence[Inspected]) -> Stack:
    """Return containers as the services of a stack."""
    services = {name: _service(each, name) for name, each in zip(_names(containers), containers, strict=True)}
    return Stack(("docker",), "", services, frozenset(), {})


def _node(container: Inspected, others: Sequence[Inspected]) -> KafkaNode | None:
    containers = [container, *others]
    return Setup(stack_of(containers)).node(_names(containers)[0])


def _names(containers: Sequence[Inspected]) -> list[str]:
    """The name of each container's service; that of the container where several are of one service."""
    services = [each.service for each in containers]
    return [each.service if services.count(each.service) == 1 and each.service else each.name for each in containers]


def _place(container: Inspected) -> Place:
    return Place(f"container {container.name}", 1, 1)


def _image(container: Inspected) -> str:
    """The image by a name whose family is known: a copy under another name has the same start script."""
    if find_image(container.image):
        return container.image
    started = " ".join(container.image_command)
    known = next((family for family in (APACHE, CONFLUENT, BITNAMI) if family.runs[0] in started), None)
    return f"{known.repositories[0]}@sha256:unknown" if known else container.image


def _service(container: Inspected, name: str) -> Service:
    place = _place(container)
    kinds: dict[str, Literal["volume", "bind", "tmpfs"]] = {"volume": "volume", "bind": "bind", "tmpfs": "tmpfs"}
    return Service(
        name=name,
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
