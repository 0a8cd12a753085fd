"""Where clients and other brokers are sent: from the host, and from other containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from labctl.lint.addresses import Where, destination, is_any, is_loopback
from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.images import CONFLUENT
from labctl.lint.membership import same_cluster
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ADVERTISED, INTER_BROKER, LISTENERS, ROLES, Endpoint, malformed


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
            outside = bool(listener and node.published(listener)) and one.name != node.inter_broker
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
    for node in setup.brokers:
        for other in setup.earlier(node):
            if not other.is_broker or node.service.network_mode != other.service.network_mode:
                continue
            mine: dict[tuple[str, int | None], Endpoint] = {
                (one.host.lower(), one.port): one for one in node.advertised if one.port and one.host
            }
            same = [one for one in other.advertised if (one.host.lower(), one.port) in mine]
            known = [one for one in same if UNKNOWN not in one.host and one.name not in node.controller_names]
            if known and same_cluster(node, other):
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
        partners = [one for one in setup.beside(node) if one.is_broker and same_cluster(node, one)]
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


@rule(
    "KAFKA-ADVERTISED-MISSING",
    "error",
    wrong="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.9.0
            environment:
              KAFKA_ADVERTISED_LISTENERS: !reset null
    """,
    right="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.9.0
    """,
    versions="cp-kafka",
)
def advertised_missing(setup: Setup) -> Iterator[Match]:
    """The image requires advertised listeners.

    cp-kafka ends with `KAFKA_ADVERTISED_LISTENERS is required`.
    """
    for node in setup.nodes:
        needs = node.image is CONFLUENT and node.complete and node.roles != {"controller"}
        if needs and ADVERTISED not in node.settings and (node.roles or node.uses_zookeeper):
            yield Match(
                node.place(LISTENERS, ROLES, "zookeeper.connect"),
                f"{node.name} has no KAFKA_ADVERTISED_LISTENERS, which cp-kafka requires",
                f"write KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://{node.name}:9092",
            )


@rule(
    "KAFKA-ADVERTISED-NOT-OPENED",
    "error",
    wrong="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093",
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
)
def advertised_not_opened(setup: Setup) -> Iterator[Match]:
    """A listener is advertised and not opened.

    Kafka ends with `advertised.listeners listener names must be equal to or a subset of the ones defined in listeners`.
    """
    for node in setup.nodes:
        unknown = LISTENERS not in node.settings or not node.listeners_known or malformed(node.settings.get(LISTENERS))
        if unknown or node.roles == {"controller"}:  # whose image refuses it: KAFKA-CONTROLLER-ADVERTISED
            continue
        names = {one.name for one in node.listeners}
        for one in node.advertised:
            if one.name not in names:
                yield Match(
                    one.place,
                    f"{node.name} advertises {one.name} and does not open it; it opens {', '.join(sorted(names))}",
                    f"add {one.name}://:{one.port or 'PORT'} to KAFKA_LISTENERS, or use one of its names",
                )


@rule(
    "KAFKA-ADVERTISED-WILDCARD",
    "error",
    wrong="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://0.0.0.0:19094",
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
)
def advertised_wildcard(setup: Setup) -> Iterator[Match]:
    """An advertised address is 0.0.0.0.

    Kafka ends with `advertised.listeners cannot use the nonroutable meta-address 0.0.0.0`: no client can connect to it.
    The same holds for a listener that has no advertised address of its own.
    """
    for node in setup.nodes:
        given = ADVERTISED in node.settings
        for one in node.advertised:
            if is_any(one.host) and one.host and (given or node.complete):
                yield Match(
                    one.place,
                    f"{node.name} sends clients to {one.host}:{one.port or '${…}'}, which is no address",
                    "advertise localhost for clients on this machine, the service's name for other containers",
                )
