"""Replication factors and min ISR against the number of brokers."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.constants import MIN_ISR
from labctl.lint.images import Version
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import OFFSETS_RF, VOTERS

KAFKA_DEFAULT = 3  # of the internal topics: org.apache.kafka.coordinator's configurations
TRANSACTIONS_RF = "transaction.state.log.replication.factor"
SHARE_RF = "share.coordinator.state.topic.replication.factor"
DEFAULT_RF = "default.replication.factor"
SHARE_GROUPS: Version = (4, 2)  # in production use since then: KIP-932


@rule(
    "KAFKA-OFFSETS-REPLICATION",
    "error",
    wrong="KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: !reset null",
    right="KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1",
)
def offsets_replication(setup: Setup) -> Iterator[Match]:
    """Consumer groups need more brokers than there are.

    The topic __consumer_offsets is created when the first group appears, with 3 replicas unless
    offsets.topic.replication.factor says otherwise. With fewer brokers it is never created: consumers with a group
    wait for ever and report nothing. bitnami/kafka and wurstmeister/kafka have a default of 1.
    """
    for node, brokers in _clusters(setup):
        factor = _factor(node, OFFSETS_RF)
        if factor and factor > brokers:
            yield Match(
                node.place(OFFSETS_RF, VOTERS, "zookeeper.connect"),
                f"consumer groups can't work: {OFFSETS_RF} is {factor}{_default(node, OFFSETS_RF)}, "
                f"and there {_are(brokers)}",
                f"write {node.variable(OFFSETS_RF)}: {brokers}",
                (node.set(OFFSETS_RF, str(brokers)),),
            )


@rule(
    "KAFKA-INTERNAL-REPLICATION",
    "warning",
    wrong="KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: !reset null",
    right="KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1",
)
def internal_replication(setup: Setup) -> Iterator[Match]:
    """Transactions or share groups need more brokers than there are.

    Their internal topics are created at first use, with 3 replicas unless a setting says otherwise. Share groups are in
    Kafka since 4.2.
    """
    kinds = ((TRANSACTIONS_RF, "transactions", (0,)), (SHARE_RF, "share groups", SHARE_GROUPS))
    for node, brokers in _clusters(setup):
        high = [
            (setting, what)
            for setting, what, since in kinds
            if (_factor(node, setting) or 0) > brokers and (since == (0,) or node.is_at_least(since))
        ]
        if high:
            factors = " and ".join(f"{name} is {_factor(node, name)}{_default(node, name)}" for name, _what in high)
            yield Match(
                node.place(high[0][0], OFFSETS_RF, VOTERS, "zookeeper.connect"),
                f"{' and '.join(what for _name, what in high)} can't work: {factors}, and there {_are(brokers)}",
                "write " + ", ".join(f"{node.variable(name)}: {brokers}" for name, _what in high),
                tuple(node.set(name, str(brokers)) for name, _what in high),
            )


@rule(
    "KAFKA-DEFAULT-REPLICATION",
    "error",
    wrong="KAFKA_DEFAULT_REPLICATION_FACTOR: 3",
    right="KAFKA_DEFAULT_REPLICATION_FACTOR: 1",
)
def default_replication(setup: Setup) -> Iterator[Match]:
    """New topics need more brokers than there are.

    default.replication.factor counts for every topic that is created without a factor of its own.
    """
    for node, brokers in _clusters(setup):
        factor = _factor(node, DEFAULT_RF)
        if factor and factor > brokers and DEFAULT_RF in node.settings:
            yield Match(
                node.place(DEFAULT_RF),
                f"no topic can be created: {DEFAULT_RF} is {factor}, and there {_are(brokers)}",
                f"write {node.variable(DEFAULT_RF)}: {brokers}",
                (node.set(DEFAULT_RF, str(brokers)),),
            )


@rule(
    "KAFKA-MIN-ISR",
    "error",
    wrong="KAFKA_MIN_INSYNC_REPLICAS: 2",
    right="KAFKA_MIN_INSYNC_REPLICAS: 1",
)
def min_isr(setup: Setup) -> Iterator[Match]:
    """Writes with acks=all need more replicas than topics have.

    min.insync.replicas above the replication factor refuses every such write: NOT_ENOUGH_REPLICAS. Newer versions
    (KIP-966) count with the smaller of both for their internal topics only.
    """
    for node, brokers in _clusters(setup):
        value = node.value(MIN_ISR)
        factor = _factor(node, DEFAULT_RF) if DEFAULT_RF in node.settings else 1
        if not value.isdigit() or not factor:
            continue
        if int(value) > brokers:
            yield Match(
                node.place(MIN_ISR),
                f"writes with acks=all are refused: min.insync.replicas is {value}, and there {_are(brokers)}",
                f"write {node.variable(MIN_ISR)}: {max(1, brokers - 1)}",
                (node.set(MIN_ISR, str(max(1, brokers - 1))),),
            )
        elif int(value) > factor and node.complete and brokers > 1 and DEFAULT_RF in node.settings:
            yield Match(
                node.place(MIN_ISR),
                f"writes with acks=all are refused: min.insync.replicas is {value}, and {DEFAULT_RF} is {factor}",
                f"write {node.variable(DEFAULT_RF)}: {min(brokers, int(value) + 1)}",
                (node.set(DEFAULT_RF, str(min(brokers, int(value) + 1))),),
            )


def _clusters(setup: Setup) -> Iterator[tuple[KafkaNode, int]]:
    """(a broker, the number of brokers in its cluster): the first broker of each cluster, and others that differ.

    A cluster whose brokers can't be counted is left out: some may be started by other files, or scaled.
    """
    for node in setup.brokers:
        voters = {str(voter) for voter in node.voters}
        own = [
            other
            for other in setup.brokers
            if other is node or (other in setup.beside(node) and _same(node, other, voters))
        ]
        strangers = [
            voter for voter in node.voters if voter.id not in {one.node_id for one in setup.nodes}
        ]  # voters that these files don't start
        if strangers or any(one.service.replicas != 1 for one in own):
            continue
        values = [one.value(OFFSETS_RF) for one in own[: own.index(node)]]
        if own[0] is node or node.value(OFFSETS_RF) not in values:
            yield node, len(own)


def _same(node: KafkaNode, other: KafkaNode, voters: set[str]) -> bool:
    """Whether both may be brokers of one cluster. Where voters are unknown they may be."""
    if node.uses_zookeeper or other.uses_zookeeper:
        mine, theirs = node.value("zookeeper.connect"), other.value("zookeeper.connect")
        return not mine or not theirs or mine == theirs
    theirs_voters = {str(voter) for voter in other.voters}
    return not voters or not theirs_voters or bool(voters & theirs_voters)


def _factor(node: KafkaNode, setting: str) -> int | None:
    """The value of a setting; Kafka's default of the internal topics where it is missing, None where it is unknown."""
    if setting in node.settings:
        value = node.value(setting)
        return int(value) if value.isdigit() else None
    if not node.complete or not (node.roles or node.uses_zookeeper):
        return None
    return KAFKA_DEFAULT if setting != DEFAULT_RF else 1


def _default(node: KafkaNode, setting: str) -> str:
    return "" if setting in node.settings else " by default"


def _are(brokers: int) -> str:
    return "is 1 broker" if brokers == 1 else f"are {brokers} brokers"
