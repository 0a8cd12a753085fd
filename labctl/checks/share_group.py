"""A share group (KIP-932): its members receive records without owning partitions."""

from __future__ import annotations

import contextlib

from labctl.checks.base import CheckFailed, CheckPass, Skipped, error_summary, transcript
from labctl.checks.context import CheckContext, Unavailable
from labctl.errors import KafkaFailed
from labctl.kafka.console_tools import console_share_consumer
from labctl.versions import has

FROM_THE_BEGINNING = {"share.auto.offset.reset": "earliest"}


def no_share_groups(context: CheckContext) -> str | None:
    """Return why this check can't run, or None where it can."""
    version = None if isinstance(context.console, Unavailable) else context.console.kafka_version
    if version is None:
        return "share groups are checked with Kafka's own tool of the same version, and the version is not known"
    if not has(version, "share groups"):
        return f"Kafka {version} has no share groups for production use; 4.2 is the first that has"
    return None


def share_group(context: CheckContext) -> CheckPass:
    """Return a pass where kafka-console-share-consumer reads inside what a client on the host wrote.

    It needs Kafka 4.2. Raises CheckFailed where it reads other records, Skipped where there are no console tools or too
    few brokers, LabError where Kafka or the runtime fails.
    """
    _require_brokers(context)
    console = context.require_console()
    topic = context.topic("share-group")
    group = f"{context.prefix}share"
    sent = [context.mark(f"shared {number}") for number in range(3)]
    client = context.client
    client.create_share_state_topic(group)
    # a new share group starts at the end of the log unless its setting says otherwise
    client.set_group_config(group, FROM_THE_BEGINNING)
    command = console_share_consumer(
        console.bootstrap, topic, count=len(sent), group=group, seconds=context.timeout, config=console.config
    )
    try:
        client.produce(topic, [(None, value) for value in sent])
        done = context.run_console(command)
    finally:
        with contextlib.suppress(KafkaFailed):  # that this Kafka does not respond is reported by the check
            client.alter_settings({("group", group): dict.fromkeys(FROM_THE_BEGINNING)})
    read = done.stdout.splitlines()
    if sorted(read) != sent:
        why = f": {error_summary(done)}" if not read else ""
        raise CheckFailed(f"{len(sent)} records were written, the share group read {len(read)}{why}", transcript(done))
    return CheckPass(f"{len(sent)} records read", (transcript(done),))


def _require_brokers(context: CheckContext) -> None:
    """Raise Skipped where the brokers are too few for the replicas of the share groups' state (Kafka: 3)."""
    if context.lab:
        return
    brokers = context.client.broker_endpoints()
    setting = "share.coordinator.state.topic.replication.factor"
    replicas = context.client.broker_config(min(brokers)).get(setting, "1")
    if int(replicas) > len(brokers):
        raise Skipped(f"this Kafka has {setting}={replicas} and {len(brokers)} brokers: its share groups can't work")
