"""Asking a Kafka: what it is, what it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka_client.border import ends_in_time, translated
from labctl.kafka_client.connection import Connection
from labctl.kafka_client.values import Group, Quorum, Voter
from labctl.plan import AclPlan
from labctl.results import Partition

EARLIEST, LATEST = -2, -1  # the offsets that ListOffsets tells for these times
# the leader writes a record every 500 ms and a follower fetches as often: one that was not level for longer is late
LATE_MILLISECONDS = 3000


class Asking(Connection):
    """The verbs that change nothing."""

    @ends_in_time
    def cluster_id(self) -> str:
        """The cluster's id."""
        from kafka.protocol.metadata import MetadataRequest

        return str(self._ask(MetadataRequest(topics=[]), "cluster id").cluster_id)

    @ends_in_time
    def advertised(self) -> dict[int, str]:
        """What each unfenced broker tells clients to connect to, as the bootstrap address says: {id: HOST:PORT}."""
        from kafka.protocol.metadata import MetadataRequest

        answer = self._ask(MetadataRequest(topics=[]), "brokers")
        return {broker.node_id: f"{broker.host}:{broker.port}" for broker in answer.brokers}

    @ends_in_time
    def quorum(self) -> Quorum:
        """The metadata quorum as its leader sees it."""
        return _quorum(self._ask(_describe_quorum(), "metadata quorum"))

    @ends_in_time
    def quorums(self) -> dict[str, Quorum]:
        """The metadata quorum as the controllers that each broker follows tell of it: {bootstrap address: quorum}."""
        request = _describe_quorum()
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no verb for it
        seen = {}
        for broker in manager.cluster.bootstrap_brokers():
            address = f"{broker.host}:{broker.port}"
            with translated(f"metadata quorum at {address}"):
                seen[address] = _quorum(manager.run(manager.send, request, broker.node_id))
        return seen

    @ends_in_time
    def topics(self, names: Sequence[str] | None = None) -> dict[str, tuple[Partition, ...]]:
        """The partitions of the topics `names` (all where None); a topic that is not there is not in the answer."""
        from kafka.protocol.metadata import MetadataRequest

        if names is not None and not names:
            return {}
        asked = None if names is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        answer = self._ask(MetadataRequest(topics=asked, allow_auto_topic_creation=False), "describe topics")
        return {
            topic.name: tuple(
                Partition(one.partition_index, one.leader_id, tuple(one.replica_nodes), tuple(one.isr_nodes))
                for one in sorted(topic.partitions, key=lambda one: int(one.partition_index))
            )
            for topic in answer.topics
            if not topic.error_code
        }

    @ends_in_time
    def known(self, names: Sequence[str]) -> list[set[str]]:
        """Which of the topics `names` each bootstrap address that answers knows: brokers learn of them one by one."""
        from kafka.protocol.metadata import MetadataRequest

        asked = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=asked, allow_auto_topic_creation=False)
        answers = self._ask_each(request, "describe topics")
        return [{topic.name for topic in answer.topics if not topic.error_code} for answer in answers]

    @ends_in_time
    def topic_config(self, name: str) -> dict[str, str]:
        """The settings of a topic, defaults included."""
        return self._config("topic", name)

    @ends_in_time
    def broker_config(self, broker: int) -> dict[str, str]:
        """The settings of a broker, defaults included."""
        return self._config("broker", str(broker))

    def _config(self, kind: str, name: str) -> dict[str, str]:
        from kafka.admin import ConfigResource, ConfigResourceType

        with translated(f"settings of {kind} {name}"):
            answer = self._connected().describe_configs(
                [ConfigResource(ConfigResourceType[kind.upper()], name)], config_filter="all"
            )
        return {key: str(entry["value"]) for key, entry in answer.get(kind, {}).get(name, {}).items()}

    @ends_in_time
    def open_transactions(self) -> list[str]:
        """The transactional ids that have a transaction open now."""
        with translated("list transactions"):
            listed = self._connected().list_transactions(state_filters=["Ongoing"])
        return sorted({str(one.transactional_id) for found in listed.values() for one in found})

    @ends_in_time
    def groups(self) -> dict[str, Group]:
        """All groups by their names."""
        with translated("list groups"):
            listed = self._connected().list_groups()
        return {
            str(one["group_id"]): Group((one.get("group_type") or "").lower(), one.get("group_state") or "")
            for one in listed
        }

    @ends_in_time
    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """The offsets that a consumer group has committed."""
        with translated(f"offsets of group {group}"):
            offsets = self._connected().list_group_offsets([group])
        found = offsets.get(group, offsets)
        return {(partition.topic, partition.partition): entry.offset for partition, entry in found.items()}

    @ends_in_time
    def acls(self) -> set[AclPlan]:
        """Every permission that the cluster has; one that denies, or is for one host alone, is not among them."""
        from kafka.admin import (
            ACLFilter,
            ACLOperation,
            ACLPermissionType,
            ACLResourcePatternType,
            ResourcePatternFilter,
            ResourceType,
        )

        pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        everything = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)
        with translated("describe ACLs"):
            found, error = self._connected().describe_acls(everything)
        if getattr(error, "errno", 0):
            raise KafkaFailed(f"describe ACLs: {error.__name__ if isinstance(error, type) else error}")
        return {
            AclPlan(
                one.principal.removeprefix("User:"),
                one.resource_pattern.resource_type.name.lower(),
                one.resource_pattern.pattern_type.name.lower(),
                one.resource_pattern.resource_name,
                one.operation.name.lower(),
            )
            for one in found
            if one.permission_type is ACLPermissionType.ALLOW
        }

    @ends_in_time
    def ranges(self, partitions: Mapping[str, Collection[int]]) -> dict[str, dict[int, tuple[int, int]]]:
        """{topic: {partition: (first offset, offset after the last record)}} of {topic: its partitions}.

        Each of them needs a leader, or none is told.
        """
        from kafka import TopicPartition

        asked = [TopicPartition(topic, number) for topic, numbers in partitions.items() for number in numbers]
        if not asked:
            return {topic: {} for topic in partitions}
        with translated("offsets"):
            admin = self._connected()
            first = admin.list_partition_offsets(dict.fromkeys(asked, EARLIEST))
            ends = admin.list_partition_offsets(dict.fromkeys(asked, LATEST))
        return {
            topic: {
                number: (first[at].offset, ends[at].offset)
                for number in numbers
                if (at := TopicPartition(topic, number)) in ends
            }
            for topic, numbers in partitions.items()
        }


def _describe_quorum() -> Any:
    from kafka.protocol.admin import DescribeQuorumRequest

    topic = DescribeQuorumRequest.TopicData
    partition = topic.PartitionData(partition_index=0)
    return DescribeQuorumRequest(topics=[topic(topic_name="__cluster_metadata", partitions=[partition])])


def _quorum(answer: Any) -> Quorum:
    partition = answer.topics[0].partitions[0]
    if partition.error_code:
        raise KafkaFailed(f"metadata quorum: error {partition.error_code} {partition.error_message or ''}".strip())
    voters = partition.current_voters
    end = max((voter.log_end_offset for voter in voters), default=0)
    now = max((voter.last_caught_up_timestamp for voter in voters), default=0)
    return Quorum(
        partition.leader_id,
        tuple(
            Voter(one.replica_id, end - one.log_end_offset, now - one.last_caught_up_timestamp <= LATE_MILLISECONDS)
            for one in voters
        ),
    )
