"""What somebody changed in a Kafka besides topics and groups: settings, quotas, users, ACLs; and undoing it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.client.acls import allows, as_plan, described, every_acl
from labctl.kafka.client.adapter import map_errors, with_timeout
from labctl.kafka.client.connection import Connection
from labctl.kafka.client.types import Quota
from labctl.plan.model import AclPlan

OF_EVERY_BROKER = 3
DYNAMIC = {
    2,
    OF_EVERY_BROKER,
    6,
    7,
    8,
}  # org.apache.kafka.clients.admin.ConfigEntry.ConfigSource: of a broker, of all, of a group …
SET, DELETE = 0, 1  # AlterConfigOp.OpType
# of all brokers: Kafka sets it itself, to what the brokers have, and does not let it be removed (KIP-966)
NOT_REMOVABLE = "min.insync.replicas"
FROM_FILE_OR_DEFAULT = {4, 5}  # ConfigSource: of server.properties, or Kafka's own
EVERY_BROKER = ""  # the name of the resource that has the settings of all brokers


class ClusterState(Connection):
    """The methods about settings, quotas, users and ACLs of the whole cluster. Each raises KafkaFailed."""

    @with_timeout
    def changed_settings(self, groups: Collection[str] = ()) -> dict[tuple[str, str], dict[str, str | None]]:
        """Return the settings that were changed while Kafka runs.

        {(broker, group or client_metrics, name): {setting: its value without the change, where it needs one}}.

        The name of all brokers together is "". Before Kafka 4.1 only those of `groups` are found (KIP-1142).
        """
        brokers = [str(broker.node_id) for broker in self._connected()._manager.cluster.brokers()]  # noqa: SLF001
        found: dict[tuple[str, str], dict[str, str | None]] = {}
        for kind, names, broker in (
            ("broker", [EVERY_BROKER], None),
            *(("broker", [name], int(name)) for name in brokers),
            ("group", sorted({*self._named("group"), *groups}), None),
            ("client_metrics", sorted(self._named("client_metrics")), None),
        ):
            for name, configs in self._configs(kind, names, broker).items():
                own = DYNAMIC if name == EVERY_BROKER else DYNAMIC - {OF_EVERY_BROKER}
                values = {config.name: config.value for config in configs if config.config_source in own}
                changed: dict[str, str | None] = dict.fromkeys(values)
                if (kind, name) == ("broker", EVERY_BROKER) and NOT_REMOVABLE in values:
                    changed[NOT_REMOVABLE] = self._own_value(NOT_REMOVABLE, brokers[0])
                    if changed[NOT_REMOVABLE] == values[NOT_REMOVABLE]:
                        del changed[NOT_REMOVABLE]
                if changed:
                    found[kind, name] = changed
        return found

    @with_timeout
    def delete_settings(self, settings: Mapping[tuple[str, str], Mapping[str, str | None]]) -> None:
        """Undo the changes that `changed_settings` returned."""
        from kafka.admin import ConfigResourceType
        from kafka.errors import for_code
        from kafka.protocol.admin import IncrementalAlterConfigsRequest

        for (kind, name), values in settings.items():
            changes = [(key, DELETE if value is None else SET, value) for key, value in values.items()]
            entry = (ConfigResourceType[kind.upper()].value, name, changes)
            request = IncrementalAlterConfigsRequest(resources=[entry], validate_only=False)
            broker = int(name) if kind == "broker" and name != EVERY_BROKER else None  # each refuses those of others
            with map_errors(f"settings of {kind} {name}"):
                for response in self._send(request, broker).responses:
                    if response.error_code:
                        raise for_code(response.error_code)(response.error_message or "")

    @with_timeout
    def quotas(self) -> list[Quota]:
        """Return the quotas of all users, client ids and addresses."""
        from kafka.errors import for_code
        from kafka.protocol.admin import DescribeClientQuotasRequest

        with map_errors("describe quotas"):
            response = self._send(DescribeClientQuotasRequest(components=[], strict=False))
            if response.error_code:
                raise for_code(response.error_code)(response.error_message or "")
        return [
            Quota(
                tuple((part.entity_type, part.entity_name) for part in entry.entity),
                tuple((value.key, float(value.value)) for value in entry.values),
            )
            for entry in response.entries or ()
        ]

    @with_timeout
    def delete_quotas(self, quotas: Sequence[Quota]) -> None:
        """Remove quotas."""
        from kafka.errors import for_code
        from kafka.protocol.admin import AlterClientQuotasRequest

        if not quotas:
            return
        entries = [(list(quota.entity), [(key, 0.0, True) for key, _value in quota.limits]) for quota in quotas]
        with map_errors("remove quotas"):
            for entry in self._send(AlterClientQuotasRequest(entries=entries, validate_only=False)).entries:
                if entry.error_code:
                    raise for_code(entry.error_code)(entry.error_message or "")

    @with_timeout
    def delete_other_users(self, kept: Collection[str]) -> list[str]:
        """Remove the SCRAM credentials of all users but `kept`, and return these users."""
        from kafka.admin import UserScramCredentialDeletion

        with map_errors("remove users"):
            known = self._connected().describe_user_scram_credentials()
            others = sorted(set(known) - set(kept))
            deletions = [
                UserScramCredentialDeletion(user, info["mechanism"])
                for user in others
                for info in known[user]["credential_infos"]
            ]
            errors = self._connected().alter_user_scram_credentials(deletions) if deletions else {}
        for user, error in errors.items():
            if error:
                raise KafkaFailed(f"remove user {user}: {error}")
        return others

    @with_timeout
    def delete_other_acls(self, kept: Collection[AclPlan]) -> list[str]:
        """Remove all ACLs but `kept`, and return what they said."""
        with map_errors("remove ACLs"):
            others = [acl for acl in every_acl(self._connected()) if not _is_one_of(acl, kept)]
            if others:
                self._connected().delete_acls(others)
        return sorted(described(acl) for acl in others)

    def _named(self, kind: str) -> list[str]:
        """The names that have settings of a kind; none where this Kafka can't list them."""
        from kafka.errors import KafkaError

        with contextlib.suppress(KafkaError):
            return list(self._connected().list_config_resources([kind.upper()]).get(kind, []))
        return []

    def _own_value(self, key: str, broker: str) -> str:
        """The value of a broker's setting without changes."""
        (config,) = self._configs("broker", [broker], int(broker), [key])[broker]
        return str(next(known.value for known in config.synonyms if known.source in FROM_FILE_OR_DEFAULT))

    def _configs(
        self, kind: str, names: Sequence[str], broker: int | None, keys: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """{name: settings} of resources of a kind. A broker's also has those of all brokers."""
        from kafka.admin import ConfigResourceType
        from kafka.errors import for_code
        from kafka.protocol.admin import DescribeConfigsRequest

        if not names:
            return {}
        resources = [(ConfigResourceType[kind.upper()].value, name, keys and list(keys)) for name in names]
        found = {}
        with map_errors(f"settings of {kind.replace('_', ' ')}s"):
            request = DescribeConfigsRequest(resources=resources, include_synonyms=True, min_version=1)
            for result in self._send(request, broker).results:
                if result.error_code and kind == "broker":  # an older Kafka has no settings of groups
                    raise for_code(result.error_code)(result.error_message or "")
                found[str(result.resource_name)] = list(result.configs)
        return found

    def _send(self, request: Any, broker: int | None = None) -> Any:
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no method for it
        return manager.run(manager.send, request, broker) if broker is not None else manager.run(manager.send, request)


def _is_one_of(acl: Any, kept: Collection[AclPlan]) -> bool:
    return allows(acl) and acl.host == "*" and as_plan(acl) in kept
