"""The order in which services start."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.compose.model import Service
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.rules.tools import HEALTHY, TOOL, TOOLS


@rule(
    "KAFKA-DEPENDS-UNHEALTHY",
    "error",
    wrong="""
        services:
          app:
            image: example/app
            depends_on: {broker: {condition: service_healthy}}
    """,
    right="""
        services:
          app:
            image: example/app
            depends_on: {broker: {condition: service_healthy}}
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def depends_unhealthy(setup: Setup) -> Iterator[Match]:
    """A service waits until Kafka is healthy, and Kafka has no health check.

    Compose ends with `container … has no healthcheck configured`. Kafka's images have none of their own.
    """
    for service in setup.stack:
        for dependency in service.depends_on.values():
            node = setup.node(dependency.service)
            known = node and node.image in {APACHE, CONFLUENT, BITNAMI} and not node.service.built
            if dependency.condition == HEALTHY and node and known and not node.service.health_check:
                yield Match(
                    dependency.place,
                    f"{service.name} waits until {node.name} is healthy, and {node.name} has no health check",
                    'add to it healthcheck: test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]',
                )


@rule(
    "KAFKA-DEPENDS-UNKNOWN",
    "error",
    wrong="""
        services:
          broker:
            container_name: kafka
          app:
            image: example/app
            depends_on: [kafka]
    """,
    right="""
        services:
          broker:
            container_name: kafka
          app:
            image: example/app
            depends_on: [broker]
    """,
)
def depends_unknown(setup: Setup) -> Iterator[Match]:
    """depends_on names a container, not a service.

    Compose knows services there, not the names of containers or hosts, and refuses the whole file.
    """
    for service in setup.stack:
        for dependency in service.depends_on.values():
            if dependency.service in setup.stack.services or not dependency.service:
                continue
            node = next((one for one in setup.nodes if dependency.service in _names(one.service)), None)
            if node:
                yield Match(
                    dependency.place,
                    f"there is no service {dependency.service}; it is the name of {node.name}'s container",
                    f"write {node.name}",
                )


@rule(
    "KAFKA-START-DEADLOCK",
    "error",
    wrong="""
        services:
          broker:
            environment:
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@second:9093,3@elsewhere.example:9093
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list]
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            depends_on: {broker: {condition: service_healthy}}
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@second:9093,3@elsewhere.example:9093
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list]
    """,
    versions="KRaft",
)
def start_deadlock(setup: Setup) -> Iterator[Match]:
    """A voter waits until another voter is healthy, which needs a majority first.

    The check asks Kafka, and Kafka answers only once a leader is elected. The majority that elects it is not started
    before. Nodes of a quorum must start together.
    """
    for node in setup.nodes:
        voters = {voter.id for voter in node.voters}
        if not node.is_controller or len(voters) < 2:
            continue
        for dependency in node.service.depends_on.values():
            other = setup.node(dependency.service)
            health = other.service.health_check if other else None
            if dependency.condition != HEALTHY or not other or not health or other.node_id not in voters:
                continue
            asks_kafka = any(match["tool"] in TOOLS for match in TOOL.finditer(health.command))
            started_first = 1 + len(_waited_for(setup, other, voters))
            if asks_kafka and started_first <= len(voters) // 2:
                yield Match(
                    dependency.place,
                    f"{node.name} waits until {other.name} is healthy, and {other.name} answers only with "
                    f"{len(voters) // 2 + 1} of {len(voters)} voters",
                    "start all nodes of the quorum together: remove this depends_on",
                )


def _names(service: Service) -> set[str]:
    aliases = {alias for names in service.networks.values() for alias in names}
    return {service.container_name, service.hostname, *aliases} - {""}


def _waited_for(setup: Setup, node: KafkaNode, voters: set[int], within: frozenset[str] = frozenset()) -> set[str]:
    """The voters that are started before `node`, directly or not."""
    found: set[str] = set()
    for name in node.service.depends_on:
        other = setup.node(name)
        if other and other.node_id in voters and name not in within:
            found |= {name} | _waited_for(setup, other, voters, within | {name, node.name})
    return found
