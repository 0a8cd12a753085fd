"""Where clients of a broker are sent: from the host, from other containers, from other brokers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from labctl.lint.addresses import Where, destination, is_any, is_loopback, leads_to_host, publishers
from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Port
from labctl.lint.edit import SetPort
from labctl.lint.node import ADVERTISED, INTER_BROKER, LISTENERS, Endpoint, KafkaNode
from labctl.lint.rule import Match, Setup, rule


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
            port = None if internal else _published(node, listener)
            name = node.advertised_as(listener.name)
            others = bool(name and destination(setup.stack, name.host, node.service).where is Where.SERVICES)
            remote = internal and any(_linked(node, one) for one in setup.beside(node))
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
            port = _published(node, listener)
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
            image: apache/kafka:4.3.1
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


@rule(
    "KAFKA-ADVERTISED-UNKNOWN-NAME",
    "error",
    wrong="KAFKA_ADVERTISED_LISTENERS: INTERNAL://kafka:9092,EXTERNAL://localhost:19094",
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
)
def advertised_unknown_name(setup: Setup) -> Iterator[Match]:
    """The advertised name can't be resolved by other containers.

    Names in a network of containers are those of services, containers, hosts and aliases. A name with a dot, a
    variable, or the name of a listener that is published may be known elsewhere: it is not examined.
    """
    for node in setup.brokers:
        if node.service.network_mode:
            continue
        for one in node.advertised:
            found = destination(setup.stack, one.host, node.service)
            listener = node.listener(one.name)
            outside = bool(listener and _published(node, listener)) and one.name != node.inter_broker
            if found.where is Where.NOBODY and one.name not in node.controller_names and not outside:
                yield Match(
                    one.place,
                    f"{node.name} sends clients to {one.host}:{one.port or '${…}'}, but no service, container or alias "
                    f"is called {one.host}",
                    f"advertise {one.name}://{node.name}:{one.port or 'PORT'}",
                    node.set_endpoint(ADVERTISED, replace(one, host=node.name)),
                )


@rule(
    "KAFKA-ADVERTISED-FOREIGN-NAME",
    "error",
    wrong="""
        services:
          app:
            image: example/app
          broker:
            environment:
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://app:9092,EXTERNAL://localhost:19094
    """,
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
)
def advertised_foreign_name(setup: Setup) -> Iterator[Match]:
    """A broker advertises the name of another Kafka node, or two brokers the same address.

    Clients that should reach one broker reach the other one.
    """
    for node in setup.brokers:
        if node.service.network_mode:
            continue
        for one in node.advertised:
            found = destination(setup.stack, one.host, node.service)
            if found.where is not Where.SERVICES or node.service in found.services:
                continue
            owner = found.services[0]
            if setup.node(owner.name) or not owner.ports:
                yield Match(
                    one.place,
                    f"{node.name} sends clients to {one.host}:{one.port or '${…}'}, which is {owner.name}'s name",
                    f"advertise {one.name}://{node.name}:{one.port or 'PORT'}",
                )


@rule(
    "KAFKA-ADVERTISED-WRONG-PORT",
    "error",
    wrong="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9095,EXTERNAL://localhost:19094",
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
)
def advertised_wrong_port(setup: Setup) -> Iterator[Match]:
    """The broker advertises its own name with a port on which it does not listen.

    Inside a network of containers the container's port counts, not the one that is published on the host.
    """
    for node in setup.brokers:
        ports = {one.port for one in node.listeners}
        if node.service.network_mode or not node.listeners_known or None in ports:
            continue
        for one in node.advertised:
            found = destination(setup.stack, one.host, node.service)
            listener = node.listener(one.name)
            own = found.where is Where.SERVICES and found.services == (node.service,)
            if own and listener and one.port is not None and one.port not in ports:
                yield Match(
                    one.place,
                    f"{node.name} sends clients to {one.host}:{one.port}, and its listener {one.name} is on port "
                    f"{listener.port}",
                    f"advertise {one.name}://{one.host}:{listener.port}",
                    node.set_endpoint(ADVERTISED, replace(one, port=listener.port)),
                )


@rule(
    "KAFKA-ADVERTISED-SAME",
    "error",
    wrong="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !override ["127.0.0.1:19095:19094"]
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19094
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092,EXTERNAL://localhost:19094
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !override ["127.0.0.1:19095:19094"]
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19094
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092,EXTERNAL://localhost:19095
    """,
)
def advertised_same(setup: Setup) -> Iterator[Match]:
    """Two brokers advertise the same address.

    Clients reach one broker where they mean two. A broker that registers with an address which another one already has
    is refused.
    """
    for number, node in enumerate(setup.brokers):
        for other in setup.brokers[:number]:
            if other not in setup.beside(node) or (node.service.network_mode != other.service.network_mode):
                continue
            mine: dict[tuple[str, int | None], Endpoint] = {
                (one.host.lower(), one.port): one for one in node.advertised if one.port and one.host
            }
            same = [one for one in other.advertised if (one.host.lower(), one.port) in mine]
            known = [one for one in same if UNKNOWN not in one.host and one.name not in node.controller_names]
            if known and node.value("zookeeper.connect") == other.value("zookeeper.connect") and _linked(node, other):
                yield Match(
                    mine[known[0].host.lower(), known[0].port].place,
                    f"{node.name} and {other.name} both send clients to {known[0].host}:{known[0].port}",
                    "give each broker an address of its own",
                )


@rule(
    "KAFKA-INTER-BROKER-LOOPBACK",
    "error",
    wrong="""
        services:
          broker:
            environment:
              KAFKA_INTER_BROKER_LISTENER_NAME: EXTERNAL
          second:
            extends: {file: complete.yml, service: broker}
            ports: !override ["127.0.0.1:19095:19095"]
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19095
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092,EXTERNAL://localhost:19095
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !override ["127.0.0.1:19095:19095"]
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19095
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092,EXTERNAL://localhost:19095
    """,
)
def inter_broker_loopback(setup: Setup) -> Iterator[Match]:
    """Brokers in several containers send each other to localhost.

    localhost is the container that uses it, so no broker reaches another one: nothing is replicated.
    """
    for node in setup.brokers:
        partners = [one for one in setup.beside(node) if one.is_broker and _linked(node, one)]
        sent = node.advertised_as(node.inter_broker)
        if partners and sent and is_loopback(sent.host) and not node.service.network_mode:
            yield Match(
                sent.place,
                f"{node.name} sends {partners[0].name} to {sent.host}:{sent.port or '${…}'}, which is "
                f"{partners[0].name} itself",
                f"advertise the listener between brokers as {sent.name}://{node.name}:PORT, "
                f"or let {INTER_BROKER} name one that is",
            )


@rule(
    "KAFKA-ADVERTISED-LOCALHOST-ONLY",
    "warning",
    wrong="""
        services:
          app:
            image: example/app
          broker:
            environment:
              KAFKA_LISTENERS: PLAINTEXT://:19094,CONTROLLER://:9093
              KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:19094
              KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
              KAFKA_INTER_BROKER_LISTENER_NAME: PLAINTEXT
    """,
    right="""
        services:
          app:
            image: example/app
    """,
)
def advertised_localhost_only(setup: Setup) -> Iterator[Match]:
    """The broker sends every client to localhost, also those in other containers.

    In another container localhost is that container. Clients on the host work, those in containers hang.
    """
    for node in setup.brokers:
        sent = [one for one in node.advertised if one.name not in node.controller_names]
        only = sent and all(is_loopback(one.host) for one in sent) and not node.service.network_mode
        near = [
            one.name
            for one in setup.others
            if node.service.networks.keys() & one.networks.keys()
            and not one.network_mode
            and "zookeeper" not in one.image
            and one.may_run_with(node.service)
        ]
        if only and near and ADVERTISED in node.settings:
            yield Match(
                sent[0].place,
                f"from another container, such as {near[0]}, {node.name} sends clients to {sent[0].host}",
                f"add a listener INTERNAL advertised as {node.name}:9092, and use that in containers",
            )


def _for_the_host(node: KafkaNode) -> list[Endpoint]:
    """The advertised addresses that are meant for clients on the host."""
    return [
        one
        for one in node.advertised
        if leads_to_host(one.host) and one.port is not None and one.name not in node.controller_names
    ]


def _published(node: KafkaNode, listener: Endpoint) -> Port | None:
    """What publishes a listener's port."""
    return next((port for port in node.service.ports if port.container == listener.port is not None), None)


def _usable(node: KafkaNode, one: Endpoint) -> bool:
    """Whether a listener is published at all."""
    listener = node.listener(one.name)
    return bool(listener and _published(node, listener))


def _own_ports(node: KafkaNode) -> str:
    ports = [str(port.host) for port in node.service.ports if port.host]
    return f" ({', '.join(ports)})" if ports else ""


def _linked(node: KafkaNode, other: KafkaNode) -> bool:
    """Whether two nodes belong to one cluster: they share voters or ZooKeeper."""
    if node.uses_zookeeper or other.uses_zookeeper:
        return node.value("zookeeper.connect") == other.value("zookeeper.connect") != ""
    return bool({str(one) for one in node.voters} & {str(one) for one in other.voters})
