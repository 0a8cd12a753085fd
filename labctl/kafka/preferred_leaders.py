"""Preferred leaders: the first replica of each partition leads it, as Kafka planned the load of the brokers.

After a broker was away Kafka itself moves leaders back only every five minutes
(leader.imbalance.check.interval.seconds).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial

from labctl.errors import ReadinessTimeout
from labctl.kafka.client import KafkaClient
from labctl.kafka.waiting import wait_for_kafka
from labctl.results import Partition
from labctl.system.waiting import Deadline, NotReady
from labctl.wording import first_few


def restore_preferred_leaders(client: KafkaClient) -> None:
    """Elect the preferred leader of each partition that another broker leads, where it is in the ISR.

    Raises NotReady where a broker reports another leader still: call it again. Raises KafkaFailed.
    """
    for misplaced in filter(None, map(not_preferred, client.topic_views())):
        client.elect_preferred_leaders(misplaced)
        names = [f"{topic}-{number}" for topic, numbers in misplaced.items() for number in numbers]
        raise NotReady(f"other leaders than the preferred ones: {first_few(names)}")


def await_preferred_leaders(client: KafkaClient, deadline: Deadline) -> None:
    """Elect the preferred leaders, and wait until they lead, or until the deadline: a cluster works without them."""
    with contextlib.suppress(ReadinessTimeout):
        wait_for_kafka(client, partial(restore_preferred_leaders, client), what="preferred leaders", deadline=deadline)


def not_preferred(topics: Mapping[str, Sequence[Partition]]) -> dict[str, list[int]]:
    """Return the partitions whose leader is not their first replica, though it is in the ISR: {topic: numbers}."""
    found = {
        topic: [each.number for each in partitions if each.replicas[:1] != (each.leader,) and _can_lead(each)]
        for topic, partitions in topics.items()
    }
    return {topic: numbers for topic, numbers in found.items() if numbers}


def _can_lead(partition: Partition) -> bool:
    return bool(partition.replicas) and partition.replicas[0] in partition.in_sync
