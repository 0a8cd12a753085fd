"""One topic of a lab that runs: its partitions and offsets, for commands that write or read many records."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from labctl.errors import LabStopped
from labctl.kafka.client import KafkaClient
from labctl.kafka.client_settings import librdkafka_settings
from labctl.kafka.retention import expired_before
from labctl.lab.existing import connect, open_lab
from labctl.plan.model import LabPlan
from labctl.records.record import RecordData
from labctl.records.topic_rules import TopicRules
from labctl.runtime.base import Progress
from labctl.state.store import LabStore


@dataclass(frozen=True, slots=True)
class TopicAccess:
    """A topic, what it requires of records, and librdkafka's settings to reach it.

    Kafka deletes records with a timestamp before `expired`, in milliseconds since 1970.
    """

    plan: LabPlan
    name: str
    rules: TopicRules
    settings: Mapping[str, str]
    expired: int

    def deletes(self, record: RecordData) -> bool:
        """Return whether a record is older than the topic keeps records."""
        return record.timestamp is not None and record.timestamp < self.expired

    def offsets(self) -> dict[int, tuple[int, int]]:
        """Return {partition: (first offset, offset after the last record)}. Raises KafkaFailed, HostError."""
        with connect(self.plan) as client:
            return client.offset_ranges({self.name: range(self.rules.partitions)})[self.name]


def open_topic(lab: str, topic: str, store: LabStore, progress: Progress) -> TopicAccess:
    """Return a topic of the lab called `lab`.

    Raises LabStopped where the lab does not run, or has no such topic; KafkaFailed, HostError, and what `open_lab`
    raises.
    """
    existing = open_lab(lab, store, progress)
    if existing.state() == "stopped":
        raise LabStopped(f"the lab {lab} is stopped", "labctl up starts it")
    with connect(existing.plan) as client:
        partitions = client.topics([topic]).get(topic)
        if partitions is None:
            raise LabStopped(f"the lab {lab} has no topic {topic}", _remedy(existing.plan, topic))
        return topic_access(existing.plan, client, topic, len(partitions))


def topic_access(plan: LabPlan, client: KafkaClient, topic: str, partitions: int) -> TopicAccess:
    """Return a topic that exists and has so many partitions. Raises KafkaFailed, HostError; SpecError as `login_as`."""
    config = client.topic_configs([topic]).get(topic, {})
    rules = TopicRules(partitions, keys="compact" in config.get("cleanup.policy", ""))
    return TopicAccess(plan, topic, rules, librdkafka_settings(plan), expired_before(config, time.time()))


def _remedy(plan: LabPlan, topic: str) -> str:
    broker = plan.brokers[0].name
    return (
        f"labctl exec --name {plan.name} {broker} -- kafka-topics.sh --create --topic {topic} "
        f"--bootstrap-server {plan.internal_bootstrap}, or add it to lab.yaml and run labctl up"
    )
