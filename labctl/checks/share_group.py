"""A share group (KIP-932): records are handed out without partitions being owned."""

from __future__ import annotations

from labctl import tools
from labctl.checks.base import CheckContext, CheckFailed, Found, Skipped, transcript
from labctl.versions import has


def no_share_groups(context: CheckContext) -> str | None:
    """Why this Kafka can't be asked for share groups; None where it can."""
    if context.kafka_version is None:
        return "share groups are asked with Kafka's own tool of the lab's version, and this Kafka's is not known"
    if not has(context.kafka_version, "share groups"):
        return f"Kafka {context.kafka_version} has no share groups for production use, 4.2 has"
    return None


def share_group(context: CheckContext) -> Found:
    """What the host wrote is handed to kafka-console-share-consumer inside. Kafka 4.2 and newer."""
    _refuse_too_few_brokers(context)
    topic = context.topic("share-group")
    group = f"{context.prefix}share"
    sent = [context.mark(f"shared {number}") for number in range(3)]
    client = context.client
    client.wake_share_coordinator(group)
    # a new share group starts at the end of the log unless its setting says otherwise
    client.set_group_config(group, {"share.auto.offset.reset": "earliest"})
    client.produce(topic, [(None, value) for value in sent])
    command = tools.console_share_consumer(
        context.inside, topic, count=len(sent), group=group, seconds=context.seconds, config=context.tool_config
    )
    done = context.console(command)
    read = done.stdout.splitlines()
    if sorted(read) != sent:
        raise CheckFailed(f"{len(sent)} records were written, {len(read)} were handed out", transcript(done))
    return Found(f"{len(sent)} records handed out", (transcript(done),))


def _refuse_too_few_brokers(context: CheckContext) -> None:
    """Kafka's default asks for three copies of the share groups' state: a homework's one broker can't hold them."""
    if context.own:
        return
    brokers = context.client.advertised()
    setting = "share.coordinator.state.topic.replication.factor"
    copies = context.client.broker_config(min(brokers)).get(setting, "1")
    if int(copies) > len(brokers):
        raise Skipped(f"this Kafka has {setting}={copies} and {len(brokers)} brokers: its share groups can't work")
