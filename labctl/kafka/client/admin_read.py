"""Reading from a Kafka's admin API: its quorum, brokers, topics, groups, ACLs."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.client.acls import allows, as_plan, every_acl
from labctl.kafka.client.adapter import map_errors, raise_error, with_timeout
from labctl.kafka.client.connection import Connection
from labctl.kafka.client.types import Group, Quorum, Voter
from labctl.plan.model import AclPlan
from labctl.results import Partition

EARLIEST, LATEST = -2, -1  # the times for which ListOffsets returns the first and the end offset
# The quorum's leader writes a record every 500 ms (controller.quorum.…) and followers fetch as often: a voter that was
# not caught up for six of these is lagging.
LAGGING_MILLISECONDS = 3000


class AdminRead(Connection):
    """The methods that change nothing. Each raises KafkaFailed."""

    @with_timeout
    def cluster_id(self) -> str:
        """Return the cluster's id."""
        from kafka.protocol.metadata import MetadataRequest

        return str(self._request(MetadataRequest(topics=[]), "cluster id").cluster_id)

    @with_timeout
    def broker_endpoints(self) -> dict[int, str]:
        """Return the advertised address of each unfenced broker for clients of this listener: {id: HOST:PORT}."""
        from kafka.protocol.metadata import MetadataRequest

        response = self._request(MetadataRequest(topics=[]), "brokers")
        return {broker.node_id: f"{broker.host}:{broker.port}" for broker in response.brokers}

    @with_timeout
    def quorum(self) -> Quorum:
        """Return the metadata quorum as its leader reports it."""
        return _quorum(self._request(_describe_quorum(), "metadata quorum"))

    @with_timeout
    def quorum_by_broker(self) -> dict[str, Quorum]:
        """Return the metadata quorum by broker, as the controllers that it follows report it: {address: quorum}."""
        request = _describe_quorum()
        return {
            f"{broker.host}:{broker.port}": _quorum(self._request_to(broker, request, "metadata quorum"))
            for broker in self._bootstrap_brokers()
        }

    @with_timeout
    def features(self) -> dict[str, tuple[int, int]]:
        """Return the feature levels of the cluster: {name: (finalized, highest that the broker supports)}.

        A feature that is not finalized has level 0.
        """
        with map_errors("features"):
            found = self._connected().describe_features()
        return {
            name: (levels.get("finalized", (0, 0))[1], levels["supported"][1])
            for name, levels in found.items()
            if "supported" in levels
        }

    @with_timeout
    def topics(self, names: Sequence[str] | None = None) -> dict[str, tuple[Partition, ...]]:
        """Return the partitions of the topics `names` (all where None), without topics that do not exist."""
        from kafka.protocol.metadata import MetadataRequest

        if names is not None and not names:
            return {}
        wanted = None if names is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False)
        return _partitions(self._request(request, "describe topics"))

    @with_timeout
    def topic_views(self) -> list[dict[str, tuple[Partition, ...]]]:
        """Return the partitions of all topics as each broker that responds reports them.

        A broker that has just started reports what it knew before it ended, until it has the newer metadata.
        """
        from kafka.protocol.metadata import MetadataRequest

        request = MetadataRequest(topics=None, allow_auto_topic_creation=False)
        return [_partitions(response) for response in self._request_each(request, "describe topics")]

    @with_timeout
    def topic_ids(self) -> dict[str, str]:
        """Return the id of each topic, Kafka's own included: one that is deleted and created again has another id."""
        from kafka.protocol.metadata import MetadataRequest

        request = MetadataRequest(topics=None, allow_auto_topic_creation=False, min_version=10)
        response = self._request(request, "topic ids")
        return {topic.name: str(topic.topic_id) for topic in response.topics if not topic.error_code}

    @with_timeout
    def topics_by_broker(self, names: Sequence[str]) -> list[set[str]]:
        """Return which of the topics `names` each broker has: brokers receive new topics one after another."""
        from kafka.protocol.metadata import MetadataRequest

        wanted = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False)
        responses = self._request_each(request, "describe topics")
        return [{topic.name for topic in response.topics if not topic.error_code} for response in responses]

    @with_timeout
    def log_counts(self, topic: str, partitions: Sequence[int]) -> Counter[int]:
        """Return how many of the brokers that respond have a log of each of the `partitions`: {partition: brokers}.

        A partition that has just been created has a full ISR before its brokers have created its logs.
        """
        from kafka.protocol.admin import DescribeLogDirsRequest

        wanted = DescribeLogDirsRequest.DescribableLogDirTopic(topic=topic, partitions=list(partitions))
        responses = self._request_each(DescribeLogDirsRequest(topics=[wanted]), "describe log directories")
        return Counter(
            partition.partition_index
            for response in responses
            for folder in response.results
            for described in folder.topics
            for partition in described.partitions
        )

    @with_timeout
    def open_transactions(self) -> list[str]:
        """Return the transactional ids that have an open transaction."""
        with map_errors("list transactions"):
            listed = self._connected().list_transactions(state_filters=["Ongoing"])
        return sorted({str(entry.transactional_id) for entries in listed.values() for entry in entries})

    @with_timeout
    def groups(self, brokers: Collection[int] | None = None) -> dict[str, Group]:
        """Return the groups that the brokers with the ids `brokers` coordinate, all where None: {name: group}."""
        with map_errors("list groups"):
            listed = self._connected().list_groups(broker_ids=None if brokers is None else sorted(brokers))
        return {
            str(entry["group_id"]): Group((entry.get("group_type") or "").lower(), entry.get("group_state") or "")
            for entry in listed
        }

    @with_timeout
    def committed_offsets(self, group: str) -> dict[tuple[str, int], int]:
        """Return the offsets that a consumer group has committed: {(topic, partition): offset}."""
        with map_errors(f"offsets of group {group}"):
            offsets = self._connected().list_group_offsets([group])
        found = offsets.get(group, offsets)
        return {(partition.topic, partition.partition): entry.offset for partition, entry in found.items()}

    @with_timeout
    def acls(self) -> set[AclPlan]:
        """Return every ACL of the cluster that allows something, whatever its host."""
        with map_errors("describe ACLs"):
            return {as_plan(acl) for acl in every_acl(self._connected()) if allows(acl)}

    @with_timeout
    def offset_ranges(self, partitions: Mapping[str, Collection[int]]) -> dict[str, dict[int, tuple[int, int]]]:
        """Return {topic: {partition: (first offset, offset after the last record)}} for {topic: partitions}.

        Raises KafkaFailed where a partition has no leader.
        """
        from kafka import TopicPartition

        wanted = [TopicPartition(topic, number) for topic, numbers in partitions.items() for number in numbers]
        if not wanted:
            return {topic: {} for topic in partitions}
        with map_errors("offsets"):
            admin = self._connected()
            first = admin.list_partition_offsets(dict.fromkeys(wanted, EARLIEST))
            ends = admin.list_partition_offsets(dict.fromkeys(wanted, LATEST))
        return {
            topic: {
                number: (first[at].offset, ends[at].offset)
                for number in numbers
                if (at := TopicPartition(topic, number)) in ends
            }
            for topic, numbers in partitions.items()
        }


def _partitions(response: Any) -> dict[str, tuple[Partition, ...]]:
    return {
        topic.name: tuple(
            Partition(found.partition_index, found.leader_id, tuple(found.replica_nodes), tuple(found.isr_nodes))
            for found in sorted(topic.partitions, key=lambda found: int(found.partition_index))
        )
        for topic in response.topics
        if not topic.error_code
    }


def _describe_quorum() -> Any:
    from kafka.protocol.admin import DescribeQuorumRequest

    topic = DescribeQuorumRequest.TopicData
    partition = topic.PartitionData(partition_index=0)
    return DescribeQuorumRequest(topics=[topic(topic_name="__cluster_metadata", partitions=[partition])])


def _quorum(response: Any) -> Quorum:
    # a user who may not ask receives an error in place of topics
    found = [partition for topic in response.topics for partition in topic.partitions]
    for part in (response, *found):
        with map_errors("metadata quorum"):
            raise_error(part)
    if not found:
        raise KafkaFailed("metadata quorum: the response has no partition")
    partition = found[0]
    replicas = [*partition.current_voters, *partition.observers]
    end = max((replica.log_end_offset for replica in replicas), default=0)
    now = max((replica.last_caught_up_timestamp for replica in replicas), default=0)

    def described(replica: Any) -> Voter:
        return Voter(
            replica.replica_id,
            end - replica.log_end_offset,
            now - replica.last_caught_up_timestamp <= LAGGING_MILLISECONDS,
            _directory(getattr(replica, "replica_directory_id", None)),
        )

    return Quorum(
        partition.leader_id,
        tuple(map(described, partition.current_voters)),
        tuple(map(described, partition.observers)),
    )


def _directory(value: uuid.UUID | None) -> str:
    """The id of a data folder as Kafka writes it; "" where it is not known."""
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=") if value and value.int else ""
