"""Replication: a broker is stopped and comes back while records are written, and no acknowledged one is lost."""

from __future__ import annotations

from collections import Counter

from labctl.checks.base import CheckContext, CheckFailed, Found, Skipped, eventually
from labctl.checks.writer import BATCH, Writer
from labctl.kafka_client import KafkaClient
from labctl.results import Partition
from labctl.waiting import NotReady

FEWEST_BROKERS = 3


def replication(context: CheckContext) -> Found:
    """acks=all while the leader of a partition is stopped and comes back: each acknowledged record is there once."""
    client = context.client
    brokers = client.advertised()
    if len(brokers) < FEWEST_BROKERS:
        raise Skipped(f"fail-over needs {FEWEST_BROKERS} brokers, this Kafka has {len(brokers)}")
    if context.outage is None:
        raise Skipped("a broker has to be stopped, and labctl stops only what it started")
    topic = context.topic("replication")
    victim = eventually(context.seconds, "a leader of each partition", lambda: _victim(client, topic))
    with Writer(client, topic, context.mark("replicated").decode()) as writer:
        eventually(context.seconds, "records before the outage", lambda: _more_than(0, writer))
        with context.outage(victim):
            eventually(
                context.seconds, f"another leader than broker {victim}", lambda: _led_without(victim, client, topic)
            )
            before = len(writer.acknowledged)
            eventually(context.seconds, "records during the outage", lambda: _more_than(before + BATCH, writer))
        eventually(context.seconds, f"broker {victim} in every ISR again", lambda: _healed(client, topic))
    client.close()  # it may hold that broker for gone: it connects again
    seen = Counter(record.value for record in client.read(topic, seconds=context.seconds))
    lost = [value for value in writer.acknowledged if not seen[value]]
    doubled = [value for value in writer.acknowledged if seen[value] > 1]
    if lost or doubled:
        raise CheckFailed(
            f"of {len(writer.acknowledged)} acknowledged records {len(lost)} are lost and {len(doubled)} came twice "
            f"after broker {victim} was stopped"
        )
    if writer.refusal:
        raise CheckFailed(f"a write was refused while broker {victim} was away: {writer.refusal}")
    return Found(
        f"broker {victim} stopped and came back: {len(writer.acknowledged)} acknowledged records, each there once, "
        "every copy in sync"
    )


def _victim(client: KafkaClient, topic: str) -> int:
    """A leader; that of the metadata quorum too where it leads here, so that the quorum fails over as well.

    It is let in again at once: the next controller knows no session of it. Any other one is held for registered until
    its session ends (broker.session.timeout.ms, 9 s).
    """
    leaders = {one.leader for one in _partitions(client, topic)}
    if -1 in leaders:
        raise NotReady("a partition has none")
    return min(leaders & {client.quorum().leader} or leaders)


def _more_than(count: int, writer: Writer) -> None:
    if len(writer.acknowledged) <= count:
        raise NotReady(f"{len(writer.acknowledged)} acknowledged; {writer.refusal or 'none refused'}")


def _led_without(victim: int, client: KafkaClient, topic: str) -> None:
    for one in _partitions(client, topic):
        if one.leader in {victim, -1} or victim in one.in_sync:
            raise NotReady(f"partition {one.number} has leader {one.leader} and in sync {list(one.in_sync)}")


def _healed(client: KafkaClient, topic: str) -> None:
    for one in _partitions(client, topic):
        if set(one.in_sync) != set(one.replicas):
            raise NotReady(f"partition {one.number} has {len(one.in_sync)} of {len(one.replicas)} copies in sync")


def _partitions(client: KafkaClient, topic: str) -> tuple[Partition, ...]:
    described = client.topics([topic])
    if topic not in described:
        raise NotReady(f"topic {topic} is not described")
    return described[topic]
