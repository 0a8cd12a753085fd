"""Listeners, their protocols, and what is advertised: what Kafka itself refuses at its start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from labctl.lint.addresses import is_any
from labctl.lint.compose.interpolation import UNKNOWN, shown
from labctl.lint.edit import RemoveVariable, SetVariable
from labctl.lint.images import APACHE, CONFLUENT
from labctl.lint.node import (
    ADVERTISED,
    CONTROLLER_NAMES,
    INTER_BROKER,
    LISTENERS,
    MAP,
    PROTOCOLS,
    ROLES,
    Endpoint,
    KafkaNode,
    is_endpoint,
)
from labctl.lint.rule import Match, Setup, rule


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
            image: apache/kafka:4.3.1
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
            image: apache/kafka:4.3.1
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
        unknown = LISTENERS not in node.settings or not node.listeners_known or _malformed(node, LISTENERS)
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
        certain = given and given.known and not _malformed(node, ADVERTISED)
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


@rule(
    "KAFKA-MAP-MISSING",
    "error",
    wrong="KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_missing(setup: Setup) -> Iterator[Match]:
    """A listener has no security protocol.

    Once listener.security.protocol.map is given, each listener needs an entry in it, that of the controller also at a
    node that is only a broker. Without it only the names PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL have one, and the
    controller's where no other protocol than PLAINTEXT is in use.
    """
    for node in setup.nodes:
        given = node.settings.get(MAP)
        if (given and not given.known) or (given is None and not node.complete):
            continue
        names = [one.name for one in node.listeners]
        names += [name for name in node.controller_names if node.roles and name not in names]
        secured = given is None and any(name in PROTOCOLS and name != "PLAINTEXT" for name in names)
        for name in dict.fromkeys(names):
            own = name in node.controller_names and name not in PROTOCOLS
            if name.upper() in node.protocols and not (secured and own):
                continue
            where = "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP" if given else "a map, which is missing,"
            whole = ",".join(f"{one}:{node.protocols.get(one, 'PLAINTEXT')}" for one in dict.fromkeys(names))
            yield Match(
                node.place(MAP, LISTENERS, ADVERTISED),
                f"listener {name} of {node.name} has no entry in {where}",
                f"add {name}:PLAINTEXT" if given else f"write KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: {whole}",
                (node.set(MAP, f"{given.value.strip()},{name}:PLAINTEXT" if given else whole),),
            )


@rule(
    "KAFKA-MAP-INVALID",
    "error",
    wrong="KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAIN",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_invalid(setup: Setup) -> Iterator[Match]:
    """An entry of the map names no security protocol.

    There are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL. PLAIN and SCRAM-SHA-512 are mechanisms of SASL.
    """
    for node in setup.nodes:
        setting = node.get(MAP)
        for entry in setting.entries if setting else ():
            name, colon, protocol = entry.rpartition(":")
            if (not colon or protocol.strip().upper() not in PROTOCOLS) and entry[0] not in "\"'" and setting:
                if protocol.endswith(("'", '"')):
                    continue
                yield Match(
                    setting.place,
                    f"{entry}: {protocol.strip()} is no security protocol"
                    if colon
                    else f"{entry} is not NAME:PROTOCOL",
                    f"write {name.strip() or entry}:PLAINTEXT, or another of {', '.join(PROTOCOLS[1:])}",
                )


@rule(
    "KAFKA-MAP-SURPLUS",
    "warning",
    wrong="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT,OUTSIDE:SSL
    """,
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_surplus(setup: Setup) -> Iterator[Match]:
    """The map has an entry for a listener that no node has.

    It does no harm by itself. It often stands where a listener was renamed, or was never added.
    """
    everywhere = {one.name for node in setup.nodes for one in (*node.listeners, *node.advertised)}
    everywhere |= {name for node in setup.nodes for name in node.controller_names}
    reported = set()
    for node in setup.nodes:
        setting = node.get(MAP)
        if not setting or not all(one.listeners_known for one in setup.nodes):
            continue
        for name in node.protocols:
            if name not in everywhere and name not in PROTOCOLS and name[:1] not in "\"'" and name not in reported:
                reported.add(name)
                kept = ",".join(entry for entry in setting.entries if not entry.upper().startswith(f"{name}:"))
                yield Match(
                    setting.place,
                    f"no node has a listener called {name}",
                    f"remove {name}, or add the listener",
                    (node.set(MAP, kept),),
                )


def _unknown_whole(entry: str) -> bool:
    """Whether so much of an entry is unknown that it may be well formed."""
    return entry.startswith(UNKNOWN) or entry.endswith(UNKNOWN)


def _opening(node: KafkaNode, listeners: list[Endpoint]) -> tuple[SetVariable, ...]:
    """The change that opens these listeners; nothing where one is unknown, or none is left."""
    known = listeners and node.get(LISTENERS) and all(one.port is not None for one in listeners)
    return (node.set(LISTENERS, ",".join(map(str, listeners))),) if known else ()


def _malformed(node: KafkaNode, name: str) -> bool:
    setting = node.settings.get(name)
    return bool(setting and not all(is_endpoint(entry) for entry in setting.entries))


def _as_endpoint(entry: str) -> str:
    """What `entry` probably is meant to be."""
    name, _, rest = entry.rpartition("://")
    host, _, port = rest.partition(":")
    return shown(f"{name or 'PLAINTEXT'}://{host}:{port if port.isdigit() else '9092'}")
