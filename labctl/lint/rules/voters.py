"""The voters of a quorum, and the nodes that bear them."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.addresses import Where, destination, is_any, is_loopback
from labctl.lint.complete import second_broker, second_controller
from labctl.lint.compose.interpolation import shown
from labctl.lint.edit import Edit
from labctl.lint.membership import loopback_voters, voters_of
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ROLES, VOTERS, Voter, is_voter

BOOTSTRAP = "controller.quorum.bootstrap.servers"


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
    wrong=second_broker("KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093"),
    right=second_broker(),
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
    wrong=second_controller("KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@second:9093"),
    right=second_broker(),
    versions="KRaft",
)
def voters_differ(setup: Setup) -> Iterator[Match]:
    """The nodes of one cluster name different voters.

    A quorum of static voters works only where all its nodes have the same list.
    """
    for node in setup.nodes:
        for other in setup.earlier(node):
            mine, theirs = voters_of(node), voters_of(other)
            if mine != theirs and mine & theirs and not loopback_voters(node) and not loopback_voters(other):
                yield Match(
                    node.place(VOTERS),
                    f"{node.name} and {other.name} name different voters",
                    "write the same KAFKA_CONTROLLER_QUORUM_VOTERS for all nodes",
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
        if node.voters and count % 2 == 0 and voters_of(node) not in seen:
            seen.add(voters_of(node))
            survives = (count - 1) // 2
            yield Match(
                node.place(VOTERS),
                f"{count} voters survive the loss of {survives}, as {count - 1} do",
                f"use {count - 1} or {count + 1} controllers",
            )


def _numbers(ports: set[int | None]) -> str:
    return " or ".join(str(port) for port in sorted(port for port in ports if port is not None))


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
