"""Listeners that a broker and a controller open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from labctl.lint.compose.interpolation import UNKNOWN, shown
from labctl.lint.edit import RemoveVariable, SetVariable
from labctl.lint.images import APACHE, CONFLUENT
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import (
    ADVERTISED,
    CONTROLLER_NAMES,
    INTER_BROKER,
    LISTENERS,
    MAP,
    ROLES,
    Endpoint,
    is_endpoint,
    malformed,
)


@rule(
    "KAFKA-LISTENER-INVALID",
    "error",
    wrong="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost",
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
)
def listener_invalid(setup: Setup) -> Iterator[Match]:
    """A listener is not NAME://HOST:PORT.

    Kafka ends with `Unable to parse … to a broker endpoint`. The host may be empty, the name and the port may not.
    """
    for node in setup.nodes:
        for name in (LISTENERS, ADVERTISED):
            setting = node.settings.get(name)
            for entry in setting.entries if setting else ():
                if not is_endpoint(entry) and entry[0] not in "\"'" and not _unknown_whole(entry):
                    yield Match(
                        node.place(name),
                        f"{node.variable(name)}: {shown(entry)} is no listener: a listener is NAME://HOST:PORT",
                        f"write {_as_endpoint(entry)}",
                    )


@rule(
    "KAFKA-LISTENER-TWICE",
    "error",
    wrong="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9092,EXTERNAL://:19094",
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
)
def listener_twice(setup: Setup) -> Iterator[Match]:
    """Two listeners have the same port, or the same name.

    Kafka ends with `Each listener must have a different port`, or `a different name`. An IPv4 and an IPv6 address may
    share a port.
    """
    for node in setup.nodes:
        listeners = node.listeners
        names = [name for name, count in Counter(one.name for one in listeners).items() if count > 1]
        ports = Counter(one.port for one in listeners if one.port is not None and ":" not in one.host)
        taken = [port for port, count in ports.items() if count > 1]
        if names:
            what = f"two listeners are called {names[0]}"
            yield Match(node.place(LISTENERS, ADVERTISED), what, "give each listener a name of its own")
        elif taken:
            same = " and ".join(one.name for one in listeners if one.port == taken[0])
            yield Match(
                node.place(LISTENERS, ADVERTISED),
                f"{same} have the same port {taken[0]}",
                "give each listener a port of its own",
            )


@rule(
    "KAFKA-CONTROLLER-LISTENER-MISSING",
    "error",
    wrong="KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19094",
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
    versions="KRaft",
)
def controller_listener_missing(setup: Setup) -> Iterator[Match]:
    """The controller has no listener.

    controller.listener.names must name a listener of the controller. A broker names it too, without opening it. Where
    KAFKA_LISTENERS is missing, apache/kafka and cp-kafka listen on what is advertised, and that has no controller.
    """
    for node in setup.nodes:
        if not node.roles:
            continue
        named = node.settings.get(CONTROLLER_NAMES)
        if named is None and node.complete:
            yield Match(
                node.place(ROLES),
                f"{node.name} has no KAFKA_CONTROLLER_LISTENER_NAMES",
                "write KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER at every node",
                (node.set(CONTROLLER_NAMES, "CONTROLLER"),),
            )
        elif node.is_controller and node.listeners_known and node.controller_names:
            if not any(node.listener(name) for name in node.controller_names):
                name = node.controller_names[0]
                listed = ", ".join(map(str, node.listeners))
                why = "" if LISTENERS in node.settings else ", which it takes from what it advertises"
                yield Match(
                    node.place(LISTENERS, CONTROLLER_NAMES),
                    f"{node.name} does not open {name}: it listens on {listed}{why}",
                    f"add {name}://:9093 to KAFKA_LISTENERS",
                    (node.set(LISTENERS, f"{','.join(map(str, node.listeners))},{name}://:9093"),),
                )
        elif node.is_controller and node.complete and LISTENERS not in node.settings and not node.listeners:
            yield Match(
                node.place(ROLES),
                f"{node.name} has no KAFKA_LISTENERS, and so no listener of the controller",
                "write KAFKA_LISTENERS with CONTROLLER://:9093",
            )


@rule(
    "KAFKA-BROKER-LISTENER-MISSING",
    "error",
    wrong="""
        KAFKA_LISTENERS: CONTROLLER://:9093
        KAFKA_ADVERTISED_LISTENERS: !reset null
    """,
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
    versions="KRaft",
)
def broker_listener_missing(setup: Setup) -> Iterator[Match]:
    """A broker has no listener beside the controller's.

    Kafka ends with `There must be at least one broker advertised listener`.
    """
    for node in setup.nodes:
        known = "broker" in node.roles and LISTENERS in node.settings and node.listeners_known
        if known and all(one.name in node.controller_names for one in node.listeners):
            yield Match(
                node.place(LISTENERS),
                f"{node.name} is a broker and opens only the controller's listener {node.listeners[0].name}",
                "add a listener for clients, such as INTERNAL://:9092, to KAFKA_LISTENERS",
            )


@rule(
    "KAFKA-CONTROLLER-LISTENER-ON-BROKER",
    "error",
    wrong="""
        services:
          controller:
            image: apache/kafka:4.4.0
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: controller
              KAFKA_LISTENERS: CONTROLLER://:9093
              KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
              KAFKA_CONTROLLER_QUORUM_VOTERS: 2@controller:9093
              CLUSTER_ID: OXndFQGZ_896VjezLceO4A
          broker:
            environment:
              KAFKA_PROCESS_ROLES: broker
              KAFKA_CONTROLLER_QUORUM_VOTERS: 2@controller:9093
    """,
    right="""
        services:
          controller:
            image: apache/kafka:4.4.0
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: controller
              KAFKA_LISTENERS: CONTROLLER://:9093
              KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
              KAFKA_CONTROLLER_QUORUM_VOTERS: 2@controller:9093
              CLUSTER_ID: OXndFQGZ_896VjezLceO4A
          broker:
            environment:
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092,EXTERNAL://:19094
              KAFKA_CONTROLLER_QUORUM_VOTERS: 2@controller:9093
    """,
    versions="KRaft",
)
def controller_listener_on_broker(setup: Setup) -> Iterator[Match]:
    """A node that is only a broker opens the controller's listener.

    It must name the listener in controller.listener.names, to find the controllers, and must not open it.
    """
    for node in setup.nodes:
        if node.roles == {"broker"}:
            opened = [one for one in node.listeners if one.name in node.controller_names]
            if opened:
                yield Match(
                    node.place(LISTENERS, ADVERTISED),
                    f"{node.name} is only a broker and opens the controller's listener {opened[0].name}",
                    f"take {opened[0].name} out of KAFKA_LISTENERS, keep KAFKA_CONTROLLER_LISTENER_NAMES",
                    _opening(node, [one for one in node.listeners if one not in opened]),
                )


@rule(
    "KAFKA-CONTROLLER-OPENS-OTHERS",
    "error",
    wrong="""
        KAFKA_PROCESS_ROLES: controller
        KAFKA_ADVERTISED_LISTENERS: !reset null
    """,
    right="KAFKA_PROCESS_ROLES: broker,controller",
    versions="KRaft",
)
def controller_opens_others(setup: Setup) -> Iterator[Match]:
    """A node that is only a controller opens other listeners.

    Kafka ends with `The listeners config must only contain KRaft controller listeners`.
    """
    for node in setup.nodes:
        if node.roles == {"controller"} and node.controller_names:
            others = [one for one in node.listeners if one.name not in node.controller_names]
            if others:
                yield Match(
                    node.place(LISTENERS, ADVERTISED),
                    f"{node.name} is only a controller and opens {others[0].name}",
                    f"take {others[0].name} out of KAFKA_LISTENERS, or add the role broker",
                    _opening(node, [one for one in node.listeners if one not in others]),
                )


@rule(
    "KAFKA-CONTROLLER-ADVERTISED",
    "error",
    wrong="""
        KAFKA_PROCESS_ROLES: controller
        KAFKA_LISTENERS: CONTROLLER://:9093
        KAFKA_ADVERTISED_LISTENERS: CONTROLLER://broker:9093
    """,
    right="KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094",
    versions="KRaft; the second kind before 3.9",
)
def controller_advertised(setup: Setup) -> Iterator[Match]:
    """A controller advertises a listener.

    The start scripts of apache/kafka and cp-kafka refuse KAFKA_ADVERTISED_LISTENERS at a node that is only a
    controller. Before Kafka 3.9 no node may advertise the controller's listener.
    """
    for node in setup.nodes:
        setting = node.settings.get(ADVERTISED)
        if not setting or not setting.value.strip():
            continue
        if node.roles == {"controller"} and node.image in {APACHE, CONFLUENT}:
            yield Match(
                setting.place,
                f"{node.name} is only a controller; {node.image.name} refuses KAFKA_ADVERTISED_LISTENERS there",
                "remove it: the voters state the controllers' addresses",
                (RemoveVariable(node.name, setting.variable),),
            )
        elif node.version and node.version < (3, 9):
            both = [one for one in node.advertised if one.name in node.controller_names]
            if both and node.roles:
                yield Match(
                    setting.place,
                    f"{node.name} advertises the controller's listener {both[0].name}, which Kafka "
                    f"{'.'.join(map(str, node.version))} refuses",
                    f"take {both[0].name} out of KAFKA_ADVERTISED_LISTENERS",
                )


@rule(
    "KAFKA-INTER-BROKER-UNKNOWN",
    "error",
    wrong="KAFKA_INTER_BROKER_LISTENER_NAME: PLAINTEXT",
    right="KAFKA_INTER_BROKER_LISTENER_NAME: INTERNAL",
)
def inter_broker_unknown(setup: Setup) -> Iterator[Match]:
    """The listener between brokers is not one that the broker advertises.

    Without inter.broker.listener.name it is the listener called PLAINTEXT, or as security.inter.broker.protocol says.
    """
    for node in setup.nodes:
        given = node.settings.get(ADVERTISED) or node.settings.get(LISTENERS)
        known = given.known if given else node.complete  # without both it is Kafka's own listener
        certain = known and not malformed(node.settings.get(ADVERTISED))
        named = node.settings.get(INTER_BROKER)
        if node.roles == {"controller"}:
            yield from _named_by_controller(node)
        if not certain or not node.is_broker or not node.advertised or (named and not named.known):
            continue
        names = [one.name for one in node.advertised if one.name not in node.controller_names]
        if node.inter_broker in names or (named is None and not node.complete):
            continue
        if named is None and node.settings.get("security.inter.broker.protocol"):
            continue  # some listener of that protocol
        lacks = f"{node.name} has no KAFKA_INTER_BROKER_LISTENER_NAME, and no listener called {node.inter_broker}"
        yield Match(
            node.place(INTER_BROKER, ADVERTISED, LISTENERS),
            f"{node.name} advertises no listener called {node.inter_broker}" if named else lacks,
            f"write KAFKA_INTER_BROKER_LISTENER_NAME: {next(iter(names), 'a listener that is not the controller')}",
            (node.set(INTER_BROKER, names[0]),) if names else (),
        )


def _named_by_controller(node: KafkaNode) -> Iterator[Match]:
    """What Kafka refuses at a node that is only a controller, and may name the listener between brokers."""
    named = node.get(INTER_BROKER)
    mapped = node.get(MAP) if MAP in node.settings else True
    if not named or not node.complete:
        return
    if node.inter_broker in node.controller_names and node.is_at_least((4, 0)):
        what = f"{node.name} names the controller's listener {node.inter_broker} as the one between brokers"
    elif mapped and node.inter_broker not in node.protocols:
        what = f"{node.name} names {node.inter_broker} as the listener between brokers, which the map does not have"
    else:
        return
    remedy = "remove KAFKA_INTER_BROKER_LISTENER_NAME: a controller has no such listener"
    yield Match(named.place, what, remedy, (RemoveVariable(node.name, named.variable),))


def _unknown_whole(entry: str) -> bool:
    """Whether so much of an entry is unknown that it may be well formed."""
    return entry.startswith(UNKNOWN) or entry.endswith(UNKNOWN)


def _opening(node: KafkaNode, listeners: list[Endpoint]) -> tuple[SetVariable, ...]:
    """The change that opens these listeners; nothing where one is unknown, or none is left."""
    known = listeners and node.get(LISTENERS) and all(one.port is not None for one in listeners)
    return (node.set(LISTENERS, ",".join(map(str, listeners))),) if known else ()


def _as_endpoint(entry: str) -> str:
    """What `entry` probably is meant to be."""
    name, _, rest = entry.rpartition("://")
    host, _, port = rest.partition(":")
    return shown(f"{name or 'PLAINTEXT'}://{host}:{port if port.isdigit() else '9092'}")
