"""Replication: a broker is stopped and starts again while records are written, and no acknowledged record is lost."""

from __future__ import annotations

from collections import Counter

from labctl.checks.base import CheckFailed, CheckPass, Skipped, eventually
from labctl.checks.context import CheckContext
from labctl.checks.writer import BATCH, Writer
from labctl.kafka.client import KafkaClient
from labctl.kafka.preferred_leaders import restore_preferred_leaders
from labctl.results import Partition
from labctl.system.waiting import NotReady

FEWEST_BROKERS = 3


def replication(context: CheckContext) -> CheckPass:
    """Return a pass where a partition's leader stops and starts again, and each acknowledged record is there once.

    The writes have acks=all. Afterwards each partition of the cluster has its preferred leader again. Raises
    CheckFailed where a record is lost or duplicated or a write fails, Skipped for fewer than FEWEST_BROKERS brokers and
    for a Kafka of somebody else, LabError where Kafka or the runtime fails.
    """
    client = context.client
    brokers = client.broker_endpoints()
    if len(brokers) < FEWEST_BROKERS:
        raise Skipped(f"failover needs {FEWEST_BROKERS} brokers, this Kafka has {len(brokers)}")
    if context.lab is None or context.lab.stopped_broker is None:
        raise Skipped("this check stops a broker, and labctl stops only what it started")
    topic = context.topic("replication")
    target = eventually(context.timeout, "a leader of each partition", lambda: _target_broker(client, topic))
    with Writer(client, topic, context.mark("replicated").decode()) as writer:
        eventually(context.timeout, "acknowledged records before the stop", lambda: _more_than(0, writer))
        with context.lab.stopped_broker(target):
            eventually(
                context.timeout,
                f"another leader than broker {target}",
                lambda: _require_other_leader(target, client, topic),
            )
            before = len(writer.acknowledged)
            eventually(
                context.timeout,
                f"acknowledged records while broker {target} is stopped",
                lambda: _more_than(before + BATCH, writer),
            )
        eventually(context.timeout, f"broker {target} in every ISR again", lambda: _require_full_isr(client, topic))
        what = "the preferred leader of each partition again"
        eventually(context.timeout, what, lambda: restore_preferred_leaders(client))
    client.close()  # it may still have that broker down as unreachable: it connects again
    counts = Counter(record.value for record in client.read(topic, seconds=context.timeout))
    lost = [value for value in writer.acknowledged if not counts[value]]
    duplicated = [value for value in writer.acknowledged if counts[value] > 1]
    if lost or duplicated:
        raise CheckFailed(
            f"of {len(writer.acknowledged)} acknowledged records {len(lost)} are lost and {len(duplicated)} are "
            f"duplicated after broker {target} was stopped"
        )
    if writer.error:
        raise CheckFailed(f"a write failed while broker {target} was stopped: {writer.error}")
    return CheckPass(
        f"broker {target} stopped and started again: {len(writer.acknowledged)} acknowledged records, each there once, "
        "every replica in the ISR"
    )


def _target_broker(client: KafkaClient, topic: str) -> int:
    """Return a leader of `topic`; the leader of the metadata quorum where it leads too: then the quorum fails over."""
    leaders = {partition.leader for partition in _partitions(client, topic)}
    if -1 in leaders:
        raise NotReady("a partition has no leader")
    return min(leaders & {client.quorum().leader} or leaders)


def _more_than(count: int, writer: Writer) -> None:
    if len(writer.acknowledged) <= count:
        raise NotReady(f"{len(writer.acknowledged)} acknowledged; {writer.error or 'no write failed'}")


def _require_other_leader(stopped: int, client: KafkaClient, topic: str) -> None:
    for partition in _partitions(client, topic):
        if partition.leader in {stopped, -1} or stopped in partition.in_sync:
            raise NotReady(
                f"partition {partition.number} has leader {partition.leader} and ISR {list(partition.in_sync)}"
            )


def _require_full_isr(client: KafkaClient, topic: str) -> None:
    for partition in _partitions(client, topic):
        if problem := partition.problem(topic):
            raise NotReady(problem)


def _partitions(client: KafkaClient, topic: str) -> tuple[Partition, ...]:
    described = client.topics([topic])
    if topic not in described:
        raise NotReady(f"topic {topic} is not described")
    return described[topic]
