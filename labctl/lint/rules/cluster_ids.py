"""Cluster ids, and nodes that form clusters of their own."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.kafka_ids import is_encoded_id
from labctl.lint.addresses import is_loopback
from labctl.lint.complete import second_broker, second_controller
from labctl.lint.compose.interpolation import shown
from labctl.lint.images import BITNAMI
from labctl.lint.membership import share_voters, voters_of
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ROLES, VOTERS


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
        if variable and strict and node.roles and value and shown(value) == value and not is_encoded_id(value):
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
    wrong=second_broker("CLUSTER_ID: AxfUHzkof_k_K2Z2ESuyQA"),
    right=second_broker(),
    versions="KRaft",
)
def cluster_id_differs(setup: Setup) -> Iterator[Match]:
    """Nodes that share voters have different cluster ids.

    The voters refuse a node of another cluster: INCONSISTENT_CLUSTER_ID.
    """
    for node in setup.nodes:
        variable = node.service.environment.get(node.image.cluster_id)
        for other in setup.earlier(node):
            mine, theirs = _cluster_id(node), _cluster_id(other)
            known = mine and theirs and shown(mine + theirs) == mine + theirs
            if variable and known and mine != theirs and share_voters(node, other):
                yield Match(
                    variable.place,
                    f"{node.name} has another cluster id than {other.name}, and the same voters",
                    f"write {node.image.cluster_id}: {theirs} at both",
                )
                break


@rule(
    "KAFKA-CLUSTERS-SEPARATE",
    "error",
    wrong=second_controller(
        "KAFKA_CONTROLLER_QUORUM_VOTERS: 2@second:9093", "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 2"
    ),
    right=second_broker(),
    versions="KRaft",
)
def clusters_separate(setup: Setup) -> Iterator[Match]:
    """Nodes with one cluster id have no voter in common: each is a cluster of its own.

    All start, and none knows the others. A topic that is created at one does not exist at the next. Only nodes whose
    replication factors ask for more than one broker are reported.
    """
    for node in setup.nodes:
        for other in setup.earlier(node):
            if not node.voters or not other.voters:
                continue
            apart = not voters_of(node) & voters_of(other) or _alone_on_loopback(node)
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


def _alone_on_loopback(node: KafkaNode) -> bool:
    return len(node.voters) == 1 and is_loopback(node.voters[0].host) and node.voters[0].id == node.node_id


def _factors(node: KafkaNode) -> list[int]:
    names = ("offsets.topic.replication.factor", "default.replication.factor", "min.insync.replicas")
    return [int(value) for name in names if (value := node.value(name)).isdigit()]


def _wants_several(node: KafkaNode) -> bool:
    return any(factor > 1 for factor in _factors(node))


def _factor(node: KafkaNode, other: KafkaNode) -> int:
    return max(*_factors(node), *_factors(other), 1)


def _cluster_id(node: KafkaNode) -> str:
    variable = node.service.environment.get(node.image.cluster_id)
    return (variable.value or "") if variable else ""
