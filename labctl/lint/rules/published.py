"""Where a listener is bound, and which of its ports are published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from labctl.lint.addresses import Where, destination, is_any, is_loopback, leads_to_host, publishers
from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Port
from labctl.lint.edit import SetPort
from labctl.lint.membership import same_cluster
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ADVERTISED, LISTENERS, Endpoint


@rule(
    "KAFKA-BIND-LOOPBACK",
    "error",
    wrong="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://localhost:19094",
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
)
def bind_loopback(setup: Setup) -> Iterator[Match]:
    """A listener that others should use is bound to the container's own loopback.

    Docker's proxy accepts the connection on the host's port and closes it at once, as nothing listens on the
    container's address. A controller's listener may be bound so where it is the only node.
    """
    for node in setup.nodes:
        if node.service.network_mode:
            continue
        for listener in node.listeners:
            if not is_loopback(listener.host):
                continue
            internal = listener.name in node.controller_names  # for controllers, and not for clients
            port = None if internal else node.published(listener)
            name = node.advertised_as(listener.name)
            others = bool(name and destination(setup.stack, name.host, node.service).where is Where.SERVICES)
            remote = internal and any(same_cluster(node, one) for one in setup.beside(node))
            if port or (others and not internal) or remote:
                who = f"port {port.host} is published" if port and port.host else "others should reach it"
                yield Match(
                    listener.place,
                    f"{who}, but {listener.name} of {node.name} listens on {listener.host} inside the container only",
                    f"write {listener.name}://:{listener.port} in {node.variable(LISTENERS)}",
                    node.set_endpoint(LISTENERS, replace(listener, host="")),
                )


@rule(
    "KAFKA-BIND-FOREIGN",
    "error",
    wrong="KAFKA_LISTENERS: INTERNAL://kafka:9092,CONTROLLER://:9093,EXTERNAL://:19094",
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
)
def bind_foreign(setup: Setup) -> Iterator[Match]:
    """A listener is bound to a name that is not the container's own.

    A node listens on addresses of its own. Kafka ends with `Unresolved address`, or `Cannot assign requested address`.
    """
    for node in setup.nodes:
        if node.service.network_mode or LISTENERS not in node.settings:
            continue
        for listener in node.listeners:
            if is_any(listener.host):
                continue
            found = destination(setup.stack, listener.host, node.service)
            foreign = found.where in {Where.SERVICES, Where.OTHER_NETWORK} and node.service not in found.services
            if found.where is Where.NOBODY or foreign:
                yield Match(
                    listener.place,
                    f"{node.name} can't listen on {listener.host}: it is not its name",
                    f"write {listener.name}://:{listener.port or 'PORT'}",
                    node.set_endpoint(LISTENERS, replace(listener, host="")),
                )


@rule(
    "KAFKA-ADVERTISED-NOT-PUBLISHED",
    "error",
    wrong="""
        services:
          broker:
            ports: !override ["127.0.0.1:29094:19094"]
    """,
    right="""
        services:
          broker:
            ports: !override ["127.0.0.1:19094:19094"]
    """,
)
def advertised_not_published(setup: Setup) -> Iterator[Match]:
    """The port that clients on the host are sent to is not published.

    A client first asks the address that it was given, and is then sent to the advertised one. Here the first works and
    the second does not: bootstrap succeeds, everything after it is refused.
    """
    for node in setup.brokers:
        if node.service.network_mode:
            continue
        for one in _for_the_host(node):
            listener = node.listener(one.name)
            if publishers(setup.stack, one.port or 0, node.service) or not listener or one.port is None:
                continue
            port = node.published(listener)
            if port and port.host and port.host != one.port:
                yield Match(
                    one.place,
                    f"clients reach {node.name} at localhost:{port.host} and are sent to {one.host}:{one.port}, "
                    "which is not published",
                    f"advertise {one.name}://{one.host}:{port.host}, or publish {one.port}:{port.container}",
                    node.set_endpoint(ADVERTISED, replace(one, port=port.host)),
                )


@rule(
    "KAFKA-ADVERTISED-OTHER-BROKER",
    "error",
    wrong="""
        services:
          broker:
            ports: !override ["127.0.0.1:29094:19094"]
          stranger:
            image: apache/kafka:4.4.0
            ports: ["127.0.0.1:19094:9092"]
    """,
    right="""
        services:
          broker:
            ports: !override ["127.0.0.1:19094:19094"]
    """,
)
def advertised_other_broker(setup: Setup) -> Iterator[Match]:
    """The advertised port of the host leads to another Kafka.

    Clients change to the other broker without a word. Where it belongs to another cluster, records are written there.
    """
    for node in setup.brokers:
        if node.service.network_mode:
            continue
        for one in _for_the_host(node):
            found = publishers(setup.stack, one.port or 0, node.service)
            owners = [service.name for service, _port in found]
            strangers = [name for name in owners if setup.node(name) and name != node.name]
            if strangers and node.name not in owners and node.listener(one.name) and _usable(node, one):
                yield Match(
                    one.place,
                    f"{node.name} sends clients on the host to {one.host}:{one.port}, which is {strangers[0]}'s",
                    f"advertise the port that {node.name} publishes{_own_ports(node)}",
                )


@rule(
    "KAFKA-PUBLISHED-WRONG-LISTENER",
    "error",
    wrong="""
        services:
          broker:
            ports: !override ["127.0.0.1:19094:9092"]
    """,
    right="""
        services:
          broker:
            ports: !override ["127.0.0.1:19094:19094"]
    """,
)
def published_wrong_listener(setup: Setup) -> Iterator[Match]:
    """The published port leads to another listener than the one that advertises it.

    A broker answers with the address of the listener that the client came through. Behind the host's port is the
    internal listener, so clients on the host are sent to a name that only containers know.
    """
    for node in setup.brokers:
        if node.service.network_mode or not node.listeners_known:
            continue
        for one in _for_the_host(node):
            own = [port for port in node.service.ports if port.host == one.port and port.container is not None]
            meant, there = node.listener(one.name), node.listener_at(own[0].container) if own else None
            if not own or not meant or meant.port is None or own[0].container == meant.port:
                continue
            sent = node.advertised_as(there.name) if there else None
            if sent and leads_to_host(sent.host) and sent.port == one.port:
                continue
            what = f"leads to {there.name}" if there else f"leads to port {own[0].container}, where nothing listens"
            why = f", which sends clients to {sent.host}:{sent.port}" if sent else ""
            yield Match(
                own[0].place,
                f"localhost:{one.port} {what} of {node.name}{why}; {one.name} listens on {meant.port}",
                f"publish {one.port}:{meant.port}",
                (SetPort(node.name, one.port or 0, own[0].container or 0, meant.port),),
            )


@rule(
    "KAFKA-PUBLISHED-INTERNAL",
    "warning",
    wrong="""
        services:
          broker:
            ports: !override ["127.0.0.1:9092:9092"]
    """,
    right="""
        services:
          broker:
            ports: !override ["127.0.0.1:19094:19094"]
    """,
)
def published_internal(setup: Setup) -> Iterator[Match]:
    """The published ports lead to listeners that clients on the host can't use.

    The listener sends clients to a name that only containers of the network know. It works on a machine whose hosts
    file has that name, and on no other. A broker that has a listener for the host besides is not reported.
    """
    for node in setup.brokers:
        if node.service.network_mode:
            continue
        for port in node.service.ports:
            listener = node.listener_at(port.container)
            sent = node.advertised_as(listener.name) if listener else None
            if not sent or not listener or listener.name in node.controller_names:
                continue
            expected = [one for one in _for_the_host(node) if one.port == port.host]
            found = destination(setup.stack, sent.host, node.service)
            usable = [one for one in _for_the_host(node) if _usable(node, one)]
            if found.where is Where.SERVICES and not expected and not usable:
                at = f"localhost:{port.host}" if port.host else "this port"
                yield Match(
                    port.place,
                    f"{at} leads to {listener.name} of {node.name}, which sends clients to {sent.host}:{sent.port}, "
                    "a name that this host does not know",
                    f"add a listener EXTERNAL that is advertised as localhost:{port.host or 9094}, or don't publish "
                    "this port",
                )


@rule(
    "KAFKA-PORT-TWICE",
    "error",
    wrong="""
        services:
          ui:
            image: example/ui
            ports: ["127.0.0.1:19094:8080"]
    """,
    right="""
        services:
          ui:
            image: example/ui
            ports: ["127.0.0.1:8088:8080"]
    """,
)
def port_twice(setup: Setup) -> Iterator[Match]:
    """Two services publish the same port of the host.

    The second container can't start: `port is already allocated`.
    """
    taken: dict[tuple[int, str], list[tuple[str, Port]]] = {}
    names = {node.name for node in setup.nodes}
    for service in setup.stack:
        for port in service.ports if not service.network_mode else ():
            if port.host is None or UNKNOWN in port.address:
                continue
            for name, other in taken.get((port.host, port.protocol), []):
                same = port.address == other.address or is_any(port.address) or is_any(other.address)
                kafka = bool({name, service.name} & names)
                if same and kafka and name != service.name and service.may_run_with(setup.stack.services[name]):
                    yield Match(
                        port.place,
                        f"{name} and {service.name} both publish port {port.host}",
                        f"publish another port of the host for {service.name}",
                    )
            taken.setdefault((port.host, port.protocol), []).append((service.name, port))


def _for_the_host(node: KafkaNode) -> list[Endpoint]:
    """The advertised addresses that are meant for clients on the host."""
    return [
        one
        for one in node.advertised
        if leads_to_host(one.host) and one.port is not None and one.name not in node.controller_names
    ]


def _usable(node: KafkaNode, one: Endpoint) -> bool:
    """Whether a listener is published at all."""
    listener = node.listener(one.name)
    return bool(listener and node.published(listener))


def _own_ports(node: KafkaNode) -> str:
    ports = [str(port.host) for port in node.service.ports if port.host]
    return f" ({', '.join(ports)})" if ports else ""
