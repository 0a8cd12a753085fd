"""Which nodes of a stack are meant for one cluster."""

from __future__ import annotations

from labctl.lint.addresses import is_loopback
from labctl.lint.node import KafkaNode


def same_cluster(node: KafkaNode, other: KafkaNode) -> bool:
    """Return whether two nodes are meant for one cluster: they share voters, or ZooKeeper."""
    zookeeper = node.value("zookeeper.connect")
    if zookeeper and "127.0.0.1" not in zookeeper and "localhost" not in zookeeper:
        return zookeeper == other.value("zookeeper.connect")
    return share_voters(node, other)


def share_voters(node: KafkaNode, other: KafkaNode) -> bool:
    """Return whether two nodes name a voter that is the same for both."""
    return bool(voters_of(node) & voters_of(other)) and not loopback_voters(node)


def voters_of(node: KafkaNode) -> frozenset[str]:
    """Return the voters that a node names, in no order."""
    return frozenset(map(str, node.voters))


def loopback_voters(node: KafkaNode) -> bool:
    """Return whether a voter is the container of the node itself, whichever that is."""
    return any(is_loopback(voter.host) for voter in node.voters)
