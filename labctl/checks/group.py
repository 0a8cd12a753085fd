"""A consumer group: its members share the partitions, its offsets are committed, and the next member resumes there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from labctl.checks.base import CheckContext, CheckFailed, Found
from labctl.kafka_client import GroupMember, KafkaClient
from labctl.parallel import run_all

PARTITIONS = 3
EACH = 2
POLL_MILLISECONDS = 20


def consumer_group(context: CheckContext) -> Found:
    """Two members share three partitions, read every record and commit; a third one resumes behind the last commit."""
    topic = context.topic("consumer-group")
    group = f"{context.prefix}group"
    client = context.client
    first = {
        context.mark(f"{partition}/{number}"): partition for partition in range(PARTITIONS) for number in range(EACH)
    }
    second = {context.mark(f"{partition}/{EACH}"): partition for partition in range(PARTITIONS)}
    shares = _share(client, topic, group, first, context.seconds)
    _write(client, topic, second)
    resumed = client.consume(topic, group=group, count=PARTITIONS, seconds=context.seconds)
    again = [record for record in resumed if record.value in first]
    if again:
        raise CheckFailed(
            f"{len(again)} records came again to the group that had committed them: offsets were not kept"
        )
    if sorted(record.value or b"" for record in resumed) != sorted(second):
        raise CheckFailed(f"the group resumed with {len(resumed)} of {len(second)} new records")
    return Found(f"2 members shared {shares}, read {len(first)} records, resumed with {len(second)} new ones")


def _write(client: KafkaClient, topic: str, values: Mapping[bytes, int]) -> None:
    """{value: its partition}, all partitions at once: a new partition's first write waits for its copies."""
    jobs = [
        partial(
            client.produce, topic, [(None, value) for value, at in values.items() if at == number], partition=number
        )
        for number in range(PARTITIONS)
    ]
    run_all(jobs, PARTITIONS)


def _share(client: KafkaClient, topic: str, group: str, expected: Mapping[bytes, int], seconds: float) -> str:
    """Two members join, and read what is written meanwhile, until both have partitions and all of it is committed.

    Raises CheckFailed with what was last seen.
    """
    give_up = time.monotonic() + seconds
    read: set[bytes | None] = set()
    offsets: dict[tuple[str, int], int] = {}
    wanted = {(topic, partition): EACH for partition in range(PARTITIONS)}
    with client.member(topic, group) as one, client.member(topic, group) as other:
        members = (one, other)
        shares: dict[GroupMember, set[int]] = {}
        writing = [partial(_write, client, topic, expected)]

        def drive(member: GroupMember) -> None:
            while not (_shared(shares) and read.issuperset(expected)) and time.monotonic() < give_up:
                read.update(record.value for record in member.poll(POLL_MILLISECONDS))
                shares[member] = member.partitions()

        while time.monotonic() < give_up:
            run_all([*writing, *(partial(drive, member) for member in members)], 1 + len(members))
            if all(member.commit() for member in members):
                offsets = client.committed(group)
                if offsets == wanted:
                    return " + ".join(str(len(shares[member])) for member in members) + " partitions"
            shares, writing = {}, []
        seen = [sorted(member.partitions()) for member in members]
    raise CheckFailed(
        f"after {seconds:.0f} s the two members have the partitions {seen[0]} and {seen[1]}, "
        f"{len(read)} of {len(expected)} records came, committed are {sorted(offsets.items())}"
    )


def _shared(shares: dict[GroupMember, set[int]]) -> bool:
    """Whether two members have partitions, each one its own, and all of them."""
    owned = [number for partitions in shares.values() for number in partitions]
    return len(shares) == 2 and all(shares.values()) and sorted(owned) == list(range(PARTITIONS))
