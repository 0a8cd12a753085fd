"""Changing a Kafka by its admin API: topics, groups, users, ACLs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.client.acls import as_acl, delete
from labctl.kafka.client.adapter import end_producer, map_errors, raise_error, with_timeout
from labctl.kafka.client.connection import Connection
from labctl.plan.model import AclPlan

# of metadata that one request makes; Kafka refuses 10,000 (QuorumController.MAX_RECORDS_PER_USER_OP)
RECORDS_PER_REQUEST = 2000
ANY_TOPIC_ID = "bGFiY3RsLXNoYXJlLWtleQ"  # 16 bytes in Kafka's base64


class AdminWrite(Connection):
    """The methods that change something other than records. Each raises KafkaFailed."""

    @with_timeout
    def create_topics(self, topics: Mapping[str, tuple[int, int, Mapping[str, str]]]) -> list[str]:
        """Create {name: (partitions, replication factor, settings)}, and return the names that did not exist before."""
        if not topics:
            return []
        from kafka.admin import NewTopic
        from kafka.errors import TopicAlreadyExistsError

        created = []
        for batch in _batches(topics):
            new = [NewTopic(name, *topics[name][:2], topic_configs=dict(topics[name][2])) for name in batch]
            with map_errors("create topics"):
                response = self._call_controller("create_topics", new, raise_errors=False)
            for topic in response["topics"]:
                if topic["error_code"] == TopicAlreadyExistsError.errno:
                    continue
                if topic["error_code"]:
                    why = topic["error_message"] or f"error {topic['error_code']}"
                    raise KafkaFailed(f"topic {topic['name']} can't be created: {why}")
                created.append(str(topic["name"]))
        return created

    @with_timeout
    def add_partitions(self, counts: Mapping[str, int]) -> None:
        """Give topics more partitions: {topic: how many in all}."""
        if counts:
            with map_errors(f"add partitions to {', '.join(counts)}"):
                self._call_controller("create_partitions", dict(counts))

    @with_timeout
    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics; a topic that does not exist is no error."""
        with map_errors("delete topics"):
            if not names:
                return
            self._call_controller("delete_topics", list(names), raise_errors=False)

    @with_timeout
    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete the records of a topic before an offset: {partition: offset}."""
        from kafka import TopicPartition

        if before:
            with map_errors(f"delete records of {topic}"):
                wanted = {TopicPartition(topic, number): offset for number, offset in before.items()}
                self._connected().delete_records(wanted)

    def _call_controller(self, method: str, *what: Any, **options: Any) -> Any:
        """Return the response to a request that kafka-python sends to the controller.

        kafka-python may not know the broker that is the controller, if it registered after the client connected: then
        the metadata is fetched, and the request is sent again.
        """
        from kafka.errors import UnknownBrokerIdError

        admin = self._connected()
        try:
            return getattr(admin, method)(*what, **options)
        except UnknownBrokerIdError:
            manager = admin._manager  # noqa: SLF001 - kafka-python's admin has no method for it
            manager.run(manager.cluster.refresh_metadata)
            return getattr(admin, method)(*what, **options)

    @with_timeout
    def elect_preferred_leaders(self, partitions: Mapping[str, Sequence[int]]) -> None:
        """Make the first replica of {topic: partitions} their leader, where it is in the ISR; elsewhere nothing."""
        from kafka.protocol.admin import ElectionType

        with map_errors("elect leaders"):
            wanted = {topic: list(numbers) for topic, numbers in partitions.items()}
            self._call_controller("elect_leaders", ElectionType.PREFERRED, wanted, raise_errors=False)

    @with_timeout
    def update_features(self, levels: Mapping[str, int]) -> None:
        """Finalize these levels of the cluster's features, all or none."""
        with map_errors("update features"):
            outcome = self._call_controller("update_features", dict(levels)) if levels else {}
        if refused := [f"{name}: {why}" for name, why in outcome.items() if why != "OK"]:
            raise KafkaFailed(f"update features: {refused[0]}")

    @with_timeout
    def delete_groups(self, groups: Sequence[str]) -> dict[str, str]:
        """Delete groups, and return {group: reason} for those that still exist."""
        with map_errors("delete groups"):
            responses = self._connected().delete_groups(list(groups)) if groups else {}
        return {group: why for group, why in responses.items() if why not in {"OK", "GroupIdNotFoundError"}}

    @with_timeout
    def remove_members(self, group: str) -> int:
        """Remove the members of a classic group, and return how many there were. They may join again."""
        from kafka.admin import MemberToRemove

        with map_errors(f"members of group {group}"):
            members = self._connected().describe_groups([group])[group]["members"]
            leaving = [MemberToRemove(member["member_id"], member["group_instance_id"]) for member in members]
            self._connected().remove_group_members(group, leaving)
        return len(leaving)

    @with_timeout
    def abort_transaction(self, transactional_id: str) -> None:
        """Abort the open transaction of the id: a new producer with the same id fences the old producer."""
        with map_errors(f"transaction of {transactional_id}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
            finally:
                end_producer(producer)

    @with_timeout
    def set_group_config(self, group: str, config: Mapping[str, str]) -> None:
        """Change settings of a group."""
        from kafka.admin import ConfigResource, ConfigResourceType

        with map_errors(f"settings of group {group}"):
            response = self._connected().alter_configs(
                [ConfigResource(ConfigResourceType.GROUP, group, configs=dict(config))]
            )
        outcome = next(iter(response.get("group", {}).values()), "OK")
        if outcome != "OK":
            raise KafkaFailed(f"settings of group {group}: {outcome}")

    @with_timeout
    def create_internal_topics(self) -> None:
        """Make Kafka create the topics of group and transaction coordinators, before a first group waits for them.

        It creates them at the first request for the coordinator of any group, and of any transactional id.
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        for kind in (CoordinatorType.GROUP, CoordinatorType.TRANSACTION):
            request = FindCoordinatorRequest(key_type=kind.value, coordinator_keys=["labctl"], min_version=4)
            self._request(request, f"{kind.name.lower()} coordinator")

    @with_timeout
    def create_share_state_topic(self, group: str) -> None:
        """Make Kafka create the internal topic of share groups, before the first member waits for it.

        It creates it at the first request for the coordinator of any share partition (KIP-932: GROUP:TOPIC_ID:NUMBER).
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        key = f"{group}:{ANY_TOPIC_ID}:0"
        request = FindCoordinatorRequest(key_type=CoordinatorType.SHARE.value, coordinator_keys=[key], min_version=6)
        self._request(request, "share coordinator")

    @with_timeout
    def unregister_broker(self, broker: int) -> None:
        """Make the controller forget a broker that ended; one that it does not know is no error.

        Only the first bootstrap address is asked: another one's request could remove the broker when it is back.
        """
        from kafka.errors import BrokerIdNotRegisteredError

        from labctl.kafka.client.protocol import UnregisterBrokerRequest

        what = f"unregister broker {broker}"
        response = self._request_once(UnregisterBrokerRequest(broker_id=broker), what)
        with map_errors(what), contextlib.suppress(BrokerIdNotRegisteredError):
            raise_error(response)

    @with_timeout
    def create_acls(self, acls: Collection[AclPlan]) -> None:
        """Create ACLs; an existing ACL stays."""
        new = [as_acl(acl) for acl in sorted(acls)]
        with map_errors("create ACLs"):
            response = self._connected().create_acls(new)
        if response["failed"]:
            raise KafkaFailed(f"create ACLs: {response['failed'][0]}")

    @with_timeout
    def delete_acls(self, acls: Collection[AclPlan]) -> None:
        """Delete ACLs; a missing ACL is no error."""
        with map_errors("delete ACLs"):
            delete(self._connected(), [as_acl(acl) for acl in acls])

    @with_timeout
    def add_users(self, passwords: Mapping[str, str], mechanism: str) -> None:
        """Add SCRAM credentials for those of {user: password} that the cluster does not have yet.

        `mechanism` is SCRAM-SHA-256 or SCRAM-SHA-512.
        """
        with map_errors("add users"):
            known = self._connected().describe_user_scram_credentials()
        self.set_passwords({user: passwords[user] for user in passwords if user not in known}, mechanism)

    @with_timeout
    def set_passwords(self, passwords: Mapping[str, str], mechanism: str) -> None:
        """Set {user: password} as SCRAM credentials of `mechanism`, also of users that the cluster does not have."""
        from kafka.admin import UserScramCredentialUpsertion

        with map_errors("set passwords"):
            wanted = [UserScramCredentialUpsertion(user, mechanism, password) for user, password in passwords.items()]
            errors = self._connected().alter_user_scram_credentials(wanted) if wanted else {}
        for user, error in errors.items():
            if error:
                raise KafkaFailed(f"set the password of {user}: {error}")


def _batches(topics: Mapping[str, tuple[int, int, Mapping[str, str]]]) -> Iterator[list[str]]:
    """Yield the names of the topics that one request creates."""
    batch: list[str] = []
    records = 0
    for name, (partitions, _replicas, config) in topics.items():
        needed = 1 + partitions + len(config)
        if batch and records + needed > RECORDS_PER_REQUEST:
            yield batch
            batch, records = [], 0
        batch.append(name)
        records += needed
    yield batch
