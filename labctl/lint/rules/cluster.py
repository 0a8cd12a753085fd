"""Node ids, roles, cluster ids and voters: which nodes form a cluster."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from labctl.lint.addresses import Where, destination, is_any, is_loopback
from labctl.lint.compose.interpolation import shown
from labctl.lint.edit import Edit
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT
from labctl.lint.node import ROLES, VOTERS, KafkaNode, Voter, is_voter
from labctl.lint.rule import Match, Setup, rule

BOOTSTRAP = "controller.quorum.bootstrap.servers"
KNOWN_ROLES = {"broker", "controller"}


@rule(
    "KAFKA-ROLES-MISSING",
    "error",
    wrong="KAFKA_PROCESS_ROLES: !reset null",
    right="KAFKA_PROCESS_ROLES: broker,controller",
    versions="4.0 and newer; 3.x without ZooKeeper",
)
def roles_missing(setup: Setup) -> Iterator[Match]:
    """process.roles is missing, and with it the node's role.

    Kafka ends with `Missing required configuration "process.roles"`; 3.x asks for zookeeper.connect.
    """
    for node in setup.nodes:
        own = [setting for setting in node.settings.values() if setting.variable and not _is_foreign(setting.name)]
        partly = {"node.id", VOTERS, "listeners"} & node.settings.keys()
        required = node.image in {APACHE, CONFLUENT} and node.complete and own and partly
        if required and ROLES not in node.settings and "zookeeper.connect" not in node.settings:
            yield Match(
                node.place("node.id", VOTERS, "listeners"),
                f"{node.name} has no KAFKA_PROCESS_ROLES: Kafka can't tell whether it is a broker or a controller",
                "write KAFKA_PROCESS_ROLES: broker,controller (or one of them)",
            )


@rule(
    "KAFKA-ROLES-INVALID",
    "error",
    wrong="KAFKA_PROCESS_ROLES: brokers",
    right="KAFKA_PROCESS_ROLES: broker,controller",
)
def roles_invalid(setup: Setup) -> Iterator[Match]:
    """process.roles has a role that does not exist.

    The roles are broker and controller, in small letters, separated by commas.
    """
    for node in setup.nodes:
        wrong = sorted(role for role in node.roles if role not in KNOWN_ROLES and role[0] not in "\"'")
        if wrong:
            yield Match(
                node.place(ROLES), f"there is no role {wrong[0]}", "use broker, controller, or broker,controller"
            )


@rule(
    "KAFKA-NODE-ID-MISSING",
    "error",
    wrong="KAFKA_NODE_ID: !reset null",
    right="KAFKA_NODE_ID: 1",
    versions="KRaft",
)
def node_id_missing(setup: Setup) -> Iterator[Match]:
    """The node has no id.

    In KRaft every node has an id that its file states, and that the voters repeat.
    """
    for node in setup.nodes:
        if node.roles and node.complete and not {"node.id", "broker.id"} & node.settings.keys():
            yield Match(
                node.place(ROLES),
                f"{node.name} has no KAFKA_NODE_ID, which KRaft requires",
                "write KAFKA_NODE_ID with a number that no other node has",
            )


@rule(
    "KAFKA-NODE-ID-TWICE",
    "error",
    wrong="""
        services:
          other:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://other:9092
    """,
    right="""
        services:
          other:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://other:9092
    """,
)
def node_id_twice(setup: Setup) -> Iterator[Match]:
    """Two nodes of one cluster have the same id.

    The second one is refused as a duplicate, or takes the place of the first.
    """
    for number, node in enumerate(setup.nodes):
        for other in setup.nodes[:number]:
            same = node.node_id is not None and node.node_id == other.node_id
            if same and other in setup.beside(node) and _same_cluster(node, other):
                yield Match(
                    node.place("node.id", "broker.id"),
                    f"{node.name} and {other.name} both have the id {node.node_id}",
                    "give each node of a cluster an id of its own, also in the voters",
                )
                break


@rule(
    "KAFKA-VOTERS-MISSING",
    "error",
    wrong="KAFKA_CONTROLLER_QUORUM_VOTERS: !reset null",
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voters_missing(setup: Setup) -> Iterator[Match]:
    """The node does not know the controllers.

    Kafka needs controller.quorum.voters, or controller.quorum.bootstrap.servers for a dynamic quorum.
    """
    for node in setup.nodes:
        if node.roles and node.complete and not {VOTERS, BOOTSTRAP, f"cfg.{VOTERS}"} & node.settings.keys():
            yield Match(
                node.place(ROLES),
                f"{node.name} has no KAFKA_CONTROLLER_QUORUM_VOTERS: it does not know the controllers",
                f"write KAFKA_CONTROLLER_QUORUM_VOTERS: {_suggested_voters(setup, node)}",
                _right_voters(setup, node),
            )


@rule(
    "KAFKA-VOTERS-INVALID",
    "error",
    wrong="KAFKA_CONTROLLER_QUORUM_VOTERS: broker:9093",
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voters_invalid(setup: Setup) -> Iterator[Match]:
    """A voter is not ID@HOST:PORT.

    Kafka ends with `Each entry should be in the form {id}@{host}:{port}`.
    """
    for node in setup.nodes:
        setting = node.get(VOTERS)
        wrong = [entry for entry in setting.entries if not is_voter(entry)] if setting else []
        if wrong and setting and setting.value.strip()[:1] not in {'"', "'"}:
            yield Match(
                setting.place,
                f"{shown(wrong[0])} is no voter: a voter is ID@HOST:PORT",
                f"write {_suggested_voters(setup, node)}",
                _right_voters(setup, node),
            )


@rule(
    "KAFKA-VOTER-UNKNOWN",
    "error",
    wrong="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093",
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voter_unknown(setup: Setup) -> Iterator[Match]:
    """A voter's host name can't be resolved.

    Names in a network of containers are those of services, containers, hosts and aliases. A broker that can't reach
    the quorum repeats the attempt, and ends after a minute. Its log has an UnknownHostException for each attempt.
    """
    for node in setup.nodes:
        for voter in node.voters:
            found = destination(setup.stack, voter.host, node.service)
            if found.where is Where.NOBODY:
                yield Match(
                    node.place(VOTERS),
                    f"voter {voter}: no service, container or alias is called {voter.host}",
                    f"write {_suggested_voters(setup, node)}",
                    _right_voters(setup, node),
                )
            elif found.where is Where.OTHER_NETWORK:
                yield Match(
                    node.place(VOTERS),
                    f"voter {voter}: {node.name} and {found.services[0].name} share no network",
                    "put all nodes on one network",
                )


@rule(
    "KAFKA-VOTER-LOOPBACK",
    "error",
    wrong="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    versions="KRaft",
)
def voter_loopback(setup: Setup) -> Iterator[Match]:
    """A voter is localhost, and the node is not that voter.

    In a container localhost is the container itself. It is right for a node that is its only voter, and nowhere else.
    Kafka 4.2 and newer refuse the wildcard address 0.0.0.0.
    """
    for node in setup.nodes:
        if node.service.on_host_network:
            continue
        for voter in node.voters:
            wildcard = is_any(voter.host) and node.is_at_least((4, 2))
            if wildcard or (is_loopback(voter.host) and voter.id != node.node_id and node.node_id is not None):
                what = "Kafka refuses this address" if wildcard else f"in {node.name}, it is {node.name} itself"
                right = _suggested_voters(setup, node)
                yield Match(node.place(VOTERS), f"voter {voter}: {what}", f"write {right}", _right_voters(setup, node))
                break


@rule(
    "KAFKA-VOTER-PORT",
    "error",
    wrong="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9092",
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voter_port(setup: Setup) -> Iterator[Match]:
    """A voter's port is not that of its controller listener.

    Voters speak to each other on the listener that controller.listener.names names.
    """
    for node in setup.nodes:
        for voter in node.voters:
            target = _voter_node(setup, node, voter)
            if not target or not target.listeners_known or not target.controller_names or voter.port is None:
                continue
            ports = {one.port for one in target.listeners if one.name in target.controller_names}
            if ports and voter.port not in ports and None not in ports:
                yield Match(
                    node.place(VOTERS),
                    f"voter {voter}: {target.name}'s controller listener is on port {_numbers(ports)}",
                    f"write {voter.id}@{voter.host}:{_numbers(ports)}",
                    _right_voters(setup, node),
                )


@rule(
    "KAFKA-VOTER-NOT-CONTROLLER",
    "error",
    wrong="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@broker:9093",
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voter_not_controller(setup: Setup) -> Iterator[Match]:
    """A voter's id and host belong to different nodes, or to one that is no controller.

    A vote is asked of the node at that address. It refuses where its id is another one.
    """
    for node in setup.nodes:
        for voter in node.voters:
            target = _voter_node(setup, node, voter)
            if not target or target.node_id is None or not target.roles:
                continue
            if target.node_id != voter.id:
                yield Match(
                    node.place(VOTERS),
                    f"voter {voter}: {target.name} has the node id {target.node_id}",
                    f"write {target.node_id}@{voter.host}:{voter.port}, or give {target.name} the id {voter.id}",
                )
            elif not target.is_controller:
                yield Match(
                    node.place(VOTERS),
                    f"voter {voter}: {target.name} is no controller (its KAFKA_PROCESS_ROLES: "
                    f"{','.join(sorted(target.roles))})",
                    "name the controllers, and only them",
                )


@rule(
    "KAFKA-NODE-NOT-VOTER",
    "error",
    wrong="KAFKA_NODE_ID: 7",
    right="KAFKA_NODE_ID: 1",
    versions="KRaft",
)
def node_not_voter(setup: Setup) -> Iterator[Match]:
    """The controller is not among its own voters, or a broker is.

    Kafka ends with `the node id must be included in the set of voters`, or `must not be included`.
    """
    for node in setup.nodes:
        if not node.voters or node.node_id is None:
            continue
        among = node.node_id in {voter.id for voter in node.voters}
        if node.is_controller and not among:
            yield Match(
                node.place("node.id", "broker.id"),
                f"{node.name} is a controller with the id {node.node_id}, which is not among the voters "
                f"{', '.join(map(str, node.voters))}",
                "add it to the voters of all nodes, or correct its id",
            )
        elif node.roles == {"broker"} and among:
            yield Match(
                node.place("node.id", "broker.id"),
                f"{node.name} is only a broker, but its id {node.node_id} is among the voters",
                "give it an id that no controller has, or make it broker,controller",
            )


@rule(
    "KAFKA-VOTERS-DIFFER",
    "error",
    wrong="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@second:9093
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    versions="KRaft",
)
def voters_differ(setup: Setup) -> Iterator[Match]:
    """The nodes of one cluster name different voters.

    A quorum of static voters works only where all its nodes have the same list.
    """
    for number, node in enumerate(setup.nodes):
        for other in setup.nodes[:number]:
            if other not in setup.beside(node) or not node.voters or not other.voters:
                continue
            mine, theirs = _members(node), _members(other)
            if mine != theirs and mine & theirs and not _loopback_voters(node) and not _loopback_voters(other):
                yield Match(
                    node.place(VOTERS),
                    f"{node.name} and {other.name} name different voters",
                    "write the same KAFKA_CONTROLLER_QUORUM_VOTERS for all nodes",
                )
                break


@rule(
    "KAFKA-CLUSTERS-SEPARATE",
    "error",
    wrong="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
              KAFKA_CONTROLLER_QUORUM_VOTERS: 2@second:9093
              KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 2
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    versions="KRaft",
)
def clusters_separate(setup: Setup) -> Iterator[Match]:
    """Nodes with one cluster id have no voter in common: each is a cluster of its own.

    All start, and none knows the others. A topic that is created at one does not exist at the next. Only nodes whose
    replication factors ask for more than one broker are reported.
    """
    for number, node in enumerate(setup.nodes):
        for other in setup.nodes[:number]:
            if other not in setup.beside(node) or not node.voters or not other.voters:
                continue
            apart = not _members(node) & _members(other) or _alone_on_loopback(node)
            alone = len(node.voters) == len(other.voters) == 1 and node.node_id != other.node_id
            same_id = _cluster_id(node) != "" and _cluster_id(node) == _cluster_id(other)
            if same_id and apart and alone and (_wants_several(node) or _wants_several(other)):
                yield Match(
                    node.place(VOTERS),
                    f"{node.name} and {other.name} have the same cluster id and want {_factor(node, other)} replicas, "
                    "but no voter in common: they are two clusters",
                    "write the voters of all controllers at every node, or give each cluster an id of its own",
                )
                break


@rule(
    "KAFKA-VOTERS-EVEN",
    "warning",
    wrong="""
        services:
          broker:
            environment:
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@second:9093
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
    versions="KRaft",
)
def voters_even(setup: Setup) -> Iterator[Match]:
    """The number of voters is even.

    A majority of 2 is 2, and of 4 is 3: one voter more, and no failure more that the quorum survives.
    """
    seen = set()
    for node in setup.nodes:
        count = len(node.voters)
        if node.voters and count % 2 == 0 and _members(node) not in seen:
            seen.add(_members(node))
            survives = (count - 1) // 2
            yield Match(
                node.place(VOTERS),
                f"{count} voters survive the loss of {survives}, as {count - 1} do",
                f"use {count - 1} or {count + 1} controllers",
            )


@rule(
    "KAFKA-CLUSTER-ID-INVALID",
    "error",
    wrong="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.6.0
            environment:
              CLUSTER_ID: my-cluster
    """,
    right="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.6.0
            environment:
              CLUSTER_ID: OXndFQGZ_896VjezLceO4A
    """,
    versions="KRaft before 3.7 (cp-kafka before 7.7)",
)
def cluster_id_invalid(setup: Setup) -> Iterator[Match]:
    """The cluster id is no 16 bytes in base64.

    The storage is formatted with it. Before Kafka 3.7 kafka-storage refuses any other text: `does not appear to be a
    valid UUID`. Newer versions accept it (tried with 3.3 to 4.3).
    """
    for node in setup.nodes:
        variable = node.service.environment.get(node.image.cluster_id)
        value = (variable.value or "").strip() if variable else ""
        strict = node.version is not None and node.version < (3, 7)
        if variable and strict and node.roles and value and shown(value) == value and not _is_cluster_id(value):
            yield Match(
                variable.place,
                f"{value} is no cluster id: it must be 16 bytes in base64, which is 22 characters",
                "write one that `kafka-storage.sh random-uuid` prints",
            )


@rule(
    "KAFKA-CLUSTER-ID-MISSING",
    "error",
    wrong="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.9.0
            environment:
              CLUSTER_ID: !reset null
    """,
    right="""
        services:
          broker:
            image: confluentinc/cp-kafka:7.9.0
            environment:
              CLUSTER_ID: OXndFQGZ_896VjezLceO4A
    """,
    versions="KRaft with cp-kafka; clusters of bitnami/kafka",
)
def cluster_id_missing(setup: Setup) -> Iterator[Match]:
    """The image needs a cluster id and has no default.

    cp-kafka ends with `CLUSTER_ID is required`. Each node of bitnami/kafka makes an id of its own, and they refuse each
    other.
    """
    for node in setup.nodes:
        environment = node.service.environment
        given = {node.image.cluster_id, "KAFKA_CLUSTER_ID"} if node.image is BITNAMI else {node.image.cluster_id}
        several = node.image is BITNAMI and len({voter.id for voter in node.voters}) > 1
        needed = (node.image.needs_cluster_id and node.complete) or (several and not node.service.mounts)
        if node.roles and needed and not given & environment.keys() and not node.service.unread:
            yield Match(
                node.place(ROLES),
                f"{node.name} has no {node.image.cluster_id}",
                f"write {node.image.cluster_id} at every node, the same for all: 16 bytes in base64, as "
                "kafka-storage.sh random-uuid prints them",
            )


@rule(
    "KAFKA-CLUSTER-ID-DIFFERS",
    "error",
    wrong="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
              CLUSTER_ID: AxfUHzkof_k_K2Z2ESuyQA
    """,
    right="""
        services:
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    versions="KRaft",
)
def cluster_id_differs(setup: Setup) -> Iterator[Match]:
    """Nodes that share voters have different cluster ids.

    The voters refuse a node of another cluster: INCONSISTENT_CLUSTER_ID.
    """
    for number, node in enumerate(setup.nodes):
        variable = node.service.environment.get(node.image.cluster_id)
        for other in setup.nodes[:number]:
            mine, theirs = _cluster_id(node), _cluster_id(other)
            known = mine and theirs and shown(mine + theirs) == mine + theirs
            if variable and known and mine != theirs and other in setup.beside(node) and _share_voters(node, other):
                yield Match(
                    variable.place,
                    f"{node.name} has another cluster id than {other.name}, and the same voters",
                    f"write {node.image.cluster_id}: {theirs} at both",
                )
                break


def _is_foreign(name: str) -> bool:
    return name.startswith("cfg.")


def _numbers(ports: set[int | None]) -> str:
    return " or ".join(str(port) for port in sorted(port for port in ports if port is not None))


def _members(node: KafkaNode) -> frozenset[str]:
    return frozenset(map(str, node.voters))


def _loopback_voters(node: KafkaNode) -> bool:
    return any(is_loopback(voter.host) for voter in node.voters)


def _alone_on_loopback(node: KafkaNode) -> bool:
    return len(node.voters) == 1 and is_loopback(node.voters[0].host) and node.voters[0].id == node.node_id


def _share_voters(node: KafkaNode, other: KafkaNode) -> bool:
    return bool(_members(node) & _members(other)) and not _loopback_voters(node)


def _factors(node: KafkaNode) -> list[int]:
    names = ("offsets.topic.replication.factor", "default.replication.factor", "min.insync.replicas")
    return [int(value) for name in names if (value := node.value(name)).isdigit()]


def _wants_several(node: KafkaNode) -> bool:
    return any(factor > 1 for factor in _factors(node))


def _factor(node: KafkaNode, other: KafkaNode) -> int:
    return max(*_factors(node), *_factors(other), 1)


def _same_cluster(node: KafkaNode, other: KafkaNode) -> bool:
    """Whether two nodes are meant for one cluster: they share voters, or ZooKeeper."""
    zookeeper = node.value("zookeeper.connect")
    if zookeeper and "127.0.0.1" not in zookeeper and "localhost" not in zookeeper:
        return zookeeper == other.value("zookeeper.connect")
    return _share_voters(node, other)


def _cluster_id(node: KafkaNode) -> str:
    variable = node.service.environment.get(node.image.cluster_id)
    return (variable.value or "") if variable else ""


def _is_cluster_id(value: str) -> bool:
    """As Kafka's Uuid.fromString: at most 24 characters, base64 for URLs, 16 bytes."""
    if len(value) > 24 or value.startswith("-"):
        return False
    try:
        return len(base64.b64decode(value.rstrip("=") + "==", altchars=b"-_", validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _voter_node(setup: Setup, node: KafkaNode, voter: Voter) -> KafkaNode | None:
    """The one node at a voter's address, or None."""
    found = destination(setup.stack, voter.host, node.service)
    if found.where is Where.ITSELF:
        return node if not node.service.on_host_network else None
    nodes = [one for service in found.services if (one := setup.node(service.name))]
    return nodes[0] if len(nodes) == 1 and nodes[0].service.replicas == 1 else None


def _right_voters(setup: Setup, node: KafkaNode) -> tuple[Edit, ...]:
    """The change that names the controllers of the stack; nothing where it has none, or several clusters."""
    suggested = _suggested_voters(setup, node)
    known = {voter.id for voter in node.voters}
    complete = not known or len(known) == suggested.count("@")
    return (node.set(VOTERS, suggested),) if "SERVICE" not in suggested and complete else ()


def _suggested_voters(setup: Setup, node: KafkaNode) -> str:
    """The voters of the controllers that the stack has."""
    controllers = [one for one in (node, *setup.beside(node)) if one.is_controller and one.node_id is not None]
    parts = []
    for one in sorted(controllers, key=lambda each: each.node_id or 0):
        port = next((found.port for found in one.listeners if found.name in one.controller_names), None)
        parts.append(f"{one.node_id}@{one.name}:{port or 9093}")
    return ",".join(parts) or "ID@SERVICE:9093 of each controller"
