"""Clients of the same stack: user interfaces, schema registries, connectors, tools, applications."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labctl.lint.addresses import Destination, Where, destination, is_loopback
from labctl.lint.compose.interpolation import UNKNOWN, shown
from labctl.lint.compose.model import Service
from labctl.lint.compose.tree import Place
from labctl.lint.edit import Edit, SetVariable
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.rules.tools import BOOTSTRAP_OPTION
from labctl.lint.settings import Endpoint

# Variables that name brokers: kafbat and provectus (KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS), Confluent's services
# (…_BOOTSTRAP_SERVERS), Kafdrop (KAFKA_BROKERCONNECT), Redpanda Console (KAFKA_BROKERS), Debezium (BOOTSTRAP_SERVERS),
# and what applications call them.
NAMES = re.compile(
    r"(BOOTSTRAP_?SERVERS?|BROKERCONNECT|KAFKA_BROKERS?|BROKER_LIST|KAFKA_(HOST|URL|URI|ADDR|ADDRESS|SERVERS?|ENDPOINT))$",
    re.IGNORECASE,
)
_PROTOCOL = re.compile(r"^(?:kafka|SASL_SSL|SASL_PLAINTEXT|PLAINTEXT|SSL)://", re.IGNORECASE)
_ADDRESS = re.compile(r"^(?P<host>[A-Za-z0-9_.\-" + UNKNOWN + r"]+):(?P<port>\d{2,5})$")


@dataclass(frozen=True, slots=True)
class Client:
    """An address that a service uses for Kafka."""

    service: Service
    what: str  # the variable or option
    host: str
    port: int
    place: Place
    value: str = ""  # the variable's whole value

    def replaced(self, host: str, port: int) -> tuple[Edit, ...]:
        """Return the change of the variable to another address; nothing for an option of a command."""
        changed = self.value.replace(f"{self.host}:{self.port}", f"{host}:{port}")
        return (SetVariable(self.service.name, self.what, changed),) if shown(changed) == changed != self.value else ()

    def __str__(self) -> str:
        return f"{self.service.name} uses {shown(self.host)}:{self.port} ({self.what})"


@rule(
    "KAFKA-CLIENT-LOCALHOST",
    "error",
    wrong="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: localhost:19094
    """,
    right="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:9092
    """,
)
def client_localhost(setup: Setup) -> Iterator[Match]:
    """A container looks for Kafka on localhost.

    In a container localhost is the container itself, where no Kafka runs.
    """
    for client, found in _clients(setup):
        if found.where is not Where.ITSELF or client.service.network_mode:
            continue
        node, port, usable = _nearest(setup, client)
        if node:
            yield Match(
                client.place,
                f"{client}, which is the container {client.service.name} itself",
                f"write {node.name}:{port}",
                client.replaced(node.name, port) if usable else (),
            )


@rule(
    "KAFKA-CLIENT-UNKNOWN-NAME",
    "error",
    wrong="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: kafka:9092
    """,
    right="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:9092
    """,
)
def client_unknown_name(setup: Setup) -> Iterator[Match]:
    """A client uses a name that no service has, or one on another network.

    Names in a network of containers are those of services, containers, hosts and aliases.
    """
    for client, found in _clients(setup):
        node, port, usable = _nearest(setup, client)
        if found.where is Where.NOBODY and node:
            yield Match(
                client.place,
                f"{client}, but no service, container or alias is called {client.host}",
                f"write {node.name}:{port}",
                client.replaced(node.name, port) if usable else (),
            )
        elif found.where is Where.OTHER_NETWORK and any(setup.node(one.name) for one in found.services):
            yield Match(
                client.place,
                f"{client}, and shares no network with {found.services[0].name}",
                "put both on one network",
            )


@rule(
    "KAFKA-CLIENT-WRONG-PORT",
    "error",
    wrong="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:9094
    """,
    right="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:9092
    """,
)
def client_wrong_port(setup: Setup) -> Iterator[Match]:
    """A client uses a port where the broker does not listen for clients.

    Inside a network of containers the container's port counts, not the one that is published on the host. The
    controller's listener is for controllers and brokers.
    """
    for client, found in _clients(setup):
        for node in _nodes_at(setup, found):
            if not node.listeners_known or any(one.port is None for one in node.listeners):
                continue
            there = node.listener_at(client.port)
            usable = [one for one in node.listeners if one.name not in node.controller_names]
            if there and there.name in node.controller_names and node.roles:
                what = f"the listener {there.name} of the controller"
            elif there is None and usable:
                listens = " and ".join(str(one.port) for one in usable)
                outside = any(port.host == client.port for port in node.service.ports)
                what = f"{node.name} listens on {listens}" + ("; that port is the host's" if outside else "")
            else:
                continue
            best, port = _best(setup, node, client)
            if best or usable:
                right = port if best else usable[0].port or port
                edits = client.replaced(client.host, right)
                yield Match(client.place, f"{client}: {what}", f"write {client.host}:{right}", edits)
                break


@rule(
    "KAFKA-CLIENT-SENT-AWAY",
    "error",
    wrong="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:19094
    """,
    right="""
        services:
          ui:
            image: ghcr.io/kafbat/kafka-ui
            environment:
              KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: broker:9092
    """,
)
def client_sent_away(setup: Setup) -> Iterator[Match]:
    """A client is sent to an address that it can't reach.

    The broker answers with the advertised address of the listener that was asked. Where that is localhost, a client in
    another container is sent to itself.
    """
    for client, found in _clients(setup):
        if client.service.network_mode:
            continue
        for node in _nodes_at(setup, found):
            listener = node.listener_at(client.port)
            sent = node.advertised_as(listener.name) if listener else None
            if not sent or node.service.network_mode or sent.name in node.controller_names:
                continue
            there = destination(setup.stack, sent.host, client.service)
            if there.where is Where.ITSELF and (sent.host or node.complete) and is_loopback(sent.host):
                best, port = _best(setup, node, client)
                yield Match(
                    client.place,
                    f"{client}, and {node.name} sends it to {sent.host}:{sent.port or '${…}'}, which is "
                    f"{client.service.name} itself",
                    f"write {node.name}:{port}"
                    if best
                    else f"add a listener to {node.name} that is advertised as {node.name}:9092, and use that",
                    client.replaced(client.host, port) if best else (),
                )
                break


def _clients(setup: Setup) -> Iterator[tuple[Client, Destination]]:
    """The addresses of Kafka that services use, and where they lead; one of a shared file once."""
    seen = set()
    for service in setup.others:
        for client in _addresses(service):
            key = (client.place, client.host, client.port)
            if key not in seen:
                seen.add(key)
                yield client, destination(setup.stack, client.host, service)


def _addresses(service: Service) -> Iterator[Client]:
    for variable in service.environment.values():
        if NAMES.search(variable.name):
            for host, port in _split(variable.value or ""):
                yield Client(service, variable.name, host, port, variable.place, variable.value or "")
    for part in (service.entrypoint, service.command):
        for match in BOOTSTRAP_OPTION.finditer(part.text) if part else ():
            for host, port in _split(match["servers"]):
                yield Client(
                    service, match[0].split()[0].partition("=")[0], host, port, part.place if part else service.place
                )


def _split(value: str) -> Iterator[tuple[str, int]]:
    for entry in value.strip().strip("[]").split(","):
        match = _ADDRESS.match(_PROTOCOL.sub("", entry.strip().strip("\"'")))
        if match:
            yield match["host"], int(match["port"])


def _nodes_at(setup: Setup, found: Destination) -> list[KafkaNode]:
    """The Kafka nodes at a destination, where all that is there are nodes."""
    nodes = [setup.node(service.name) for service in found.services]
    return [node for node in nodes if node] if all(nodes) else []


def _nearest(setup: Setup, client: Client) -> tuple[KafkaNode | None, int, bool]:
    """A broker, the port of the listener that fits the client best, and whether it can use that."""
    for node in setup.brokers:
        if node.service.networks.keys() & client.service.networks.keys() and node.service.may_run_with(client.service):
            best, port = _best(setup, node, client)
            if best:
                return node, port, True
    first = next(iter(setup.brokers), None)
    return first, (first.listeners[0].port or 9092) if first and first.listeners else 9092, False


def _best(setup: Setup, node: KafkaNode, client: Client) -> tuple[Endpoint | None, int]:
    """The listener of a node that sends the client to where it can go."""
    for listener in node.listeners:
        sent = node.advertised_as(listener.name)
        if not sent or listener.name in node.controller_names or listener.port is None:
            continue
        there = destination(setup.stack, sent.host, client.service)
        if there.where is Where.SERVICES and node.service in there.services:
            return listener, listener.port
    return None, 9092
