"""Changing a Kafka: topics, groups, users, permissions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka_client.border import end_producer, ends_in_time, translated
from labctl.kafka_client.connection import Connection
from labctl.plan import AclPlan

ANY_TOPIC_ID = "bGFiY3RsLXNoYXJlLWtleQ"  # 16 bytes in Kafka's base64


class Changing(Connection):
    """The verbs that change something other than records."""

    @ends_in_time
    def create_topics(self, topics: Mapping[str, tuple[int, int, Mapping[str, str]]]) -> list[str]:
        """Make {name: (partitions, replication factor, settings)}; the names that were not there before."""
        if not topics:
            return []
        from kafka.admin import NewTopic
        from kafka.errors import TopicAlreadyExistsError

        made = []
        new = {
            name: NewTopic(name, number, copies, topic_configs=dict(config))
            for name, (number, copies, config) in topics.items()
        }
        with translated("create topics"):
            answer = self._asked_of_controller("create_topics", list(new.values()))
        for topic in answer["topics"]:
            if topic["error_code"] == TopicAlreadyExistsError.errno:
                continue
            if topic["error_code"]:
                why = topic["error_message"] or f"error {topic['error_code']}"
                raise KafkaFailed(f"topic {topic['name']} can't be made: {why}")
            made.append(str(topic["name"]))
        return made

    @ends_in_time
    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics; one that is not there is no error."""
        with translated("delete topics"):
            if not names:
                return
            self._asked_of_controller("delete_topics", list(names))

    def _asked_of_controller(self, verb: str, what: list[Any]) -> Any:
        """The answer to a verb that kafka-python sends to the controller.

        It asks who that is, and then may not know that broker: it was not there when the client connected.
        """
        from kafka.errors import UnknownBrokerIdError

        admin = self._connected()
        try:
            return getattr(admin, verb)(what, raise_errors=False)
        except UnknownBrokerIdError:
            manager = admin._manager  # noqa: SLF001 - kafka-python's admin has no verb for it
            manager.run(manager.cluster.refresh_metadata)
            return getattr(admin, verb)(what, raise_errors=False)

    @ends_in_time
    def delete_groups(self, groups: Sequence[str]) -> dict[str, str]:
        """Delete groups; {group: why not} of those that are still there."""
        with translated("delete groups"):
            answers = self._connected().delete_groups(list(groups)) if groups else {}
        return {group: why for group, why in answers.items() if why not in {"OK", "GroupIdNotFoundError"}}

    @ends_in_time
    def remove_members(self, group: str) -> int:
        """Make the members of a classic group leave it; how many there were. They may join again."""
        from kafka.admin import MemberToRemove

        with translated(f"members of group {group}"):
            members = self._connected().describe_groups([group])[group]["members"]
            leaving = [MemberToRemove(one["member_id"], one["group_instance_id"]) for one in members]
            self._connected().remove_group_members(group, leaving)
        return len(leaving)

    @ends_in_time
    def abort_transaction(self, transactional_id: str) -> None:
        """Abort what is open under the id: a new producer fences the old one out."""
        with translated(f"transaction of {transactional_id}"):
            producer = self._make_producer(transactional_id=transactional_id)
            try:
                producer.init_transactions()
            finally:
                end_producer(producer)

    @ends_in_time
    def set_group_config(self, group: str, config: Mapping[str, str]) -> None:
        """Change settings of a group."""
        from kafka.admin import ConfigResource, ConfigResourceType

        with translated(f"settings of group {group}"):
            answer = self._connected().alter_configs(
                [ConfigResource(ConfigResourceType.GROUP, group, configs=dict(config))]
            )
        refusal = next(iter(answer.get("group", {}).values()), "OK")
        if refusal != "OK":
            raise KafkaFailed(f"settings of group {group}: {refusal}")

    @ends_in_time
    def wake_coordinators(self) -> None:
        """Have Kafka make the topics of consumer groups and transactions, before a first one has to wait for them.

        It does so when it is first asked for the coordinator of any group, of any transactional id.
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        for kind in (CoordinatorType.GROUP, CoordinatorType.TRANSACTION):
            request = FindCoordinatorRequest(key_type=kind.value, coordinator_keys=["labctl"], min_version=4)
            self._ask(request, f"{kind.name.lower()} coordinator")

    @ends_in_time
    def wake_share_coordinator(self, group: str) -> None:
        """Have Kafka make the topic that share groups keep their state in, before a first member has to wait for it.

        It does so when it is first asked for the coordinator of any share partition (KIP-932: GROUP:TOPIC_ID:NUMBER).
        """
        from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

        key = f"{group}:{ANY_TOPIC_ID}:0"
        request = FindCoordinatorRequest(key_type=CoordinatorType.SHARE.value, coordinator_keys=[key], min_version=6)
        self._ask(request, "share coordinator")

    @ends_in_time
    def create_acls(self, acls: Collection[AclPlan]) -> None:
        """Give these permissions; one that is there already stays."""
        new = [_acl(one) for one in sorted(acls)]
        with translated("create ACLs"):
            answer = self._connected().create_acls(new)
        if answer["failed"]:
            raise KafkaFailed(f"create ACLs: {answer['failed'][0]}")

    @ends_in_time
    def delete_acls(self, acls: Collection[AclPlan]) -> None:
        """Take these permissions away; one that is not there is no error."""
        with translated("delete ACLs"):
            self._connected().delete_acls([_acl(one) for one in acls])

    @ends_in_time
    def add_users(self, passwords: Mapping[str, str]) -> None:
        """Let in by SCRAM-SHA-512 those of {user: password} whom the cluster does not know yet."""
        from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

        with translated("add users"):
            known = self._connected().describe_user_scram_credentials()
            new = [
                UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password)
                for user, password in passwords.items()
                if user not in known
            ]
            refusals = self._connected().alter_user_scram_credentials(new) if new else {}
        for user, refusal in refusals.items():
            if refusal:
                raise KafkaFailed(f"add user {user}: {refusal}")


def _acl(one: AclPlan) -> Any:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    pattern = ACLResourcePatternType[one.pattern.upper()]
    resource = ResourcePattern(ResourceType[one.resource.upper()], one.name, pattern)
    operation = ACLOperation[one.operation.upper()]
    return ACL(f"User:{one.user}", "*", operation, ACLPermissionType.ALLOW, resource)
