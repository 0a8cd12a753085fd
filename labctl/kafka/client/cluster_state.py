"""What somebody changed in a Kafka besides topics and groups: settings, quotas, users, ACLs; and undoing it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.client.acls import allows, as_plan, delete, described, every_acl
from labctl.kafka.client.adapter import map_errors, raise_error, with_timeout
from labctl.kafka.client.connection import Connection
from labctl.kafka.client.types import Quota
from labctl.plan.model import AclPlan
from labctl.wording import first_few

SET, DELETE = 0, 1  # AlterConfigOp.OpType
EVERY_BROKER = ""  # the name of the resource that has the settings of all brokers
ALL_BROKERS = ("broker", EVERY_BROKER)
# of all brokers: Kafka sets it itself, to what the brokers have, and does not let it be removed (KIP-966)
NOT_REMOVABLE = "min.insync.replicas"


class ClusterState(Connection):
    """The methods about settings, quotas, users and ACLs of the whole cluster. Each raises KafkaFailed."""

    @with_timeout
    def changed_settings(self, groups: Collection[str] = ()) -> dict[tuple[str, str], dict[str, str | None]]:
        """Return the settings that were changed while Kafka runs.

        {(broker, group or client_metrics, name): {setting: its value without the change, where it needs one}}.

        `alter_settings` undoes them. The name of all brokers together is "". Before Kafka 4.1 only those of `groups`
        are found (KIP-1142).
        """
        brokers = [int(broker.node_id) for broker in self._connected()._manager.cluster.brokers()]  # noqa: SLF001
        settings: dict[tuple[str, str], list[Any]] = {}
        for broker in brokers:
            settings |= self._configs("broker", [str(broker)], broker)
        settings |= self._configs("broker", [EVERY_BROKER])
        settings |= self._configs("group", sorted({*self._named("group"), *groups}))
        settings |= self._configs("client_metrics", sorted(self._named("client_metrics")))
        found = {of: _changes(of[1], configs) for of, configs in settings.items()}
        every = found["broker", EVERY_BROKER]
        if NOT_REMOVABLE in every:
            own = _own_value(settings["broker", str(brokers[0])], NOT_REMOVABLE)
            if own == _value(settings["broker", EVERY_BROKER], NOT_REMOVABLE):
                del every[NOT_REMOVABLE]
            else:
                every[NOT_REMOVABLE] = own
        return {of: changes for of, changes in found.items() if changes}

    @with_timeout
    def settings_by_broker(self) -> list[dict[str, str]]:
        """Return the settings of all brokers that were changed while they run, as each broker that responds has them.

        Those that only one broker has are not among them.
        """
        from kafka.admin import ConfigResourceType
        from kafka.protocol.admin import DescribeConfigsRequest

        every = (ConfigResourceType.BROKER.value, EVERY_BROKER, None)
        request = DescribeConfigsRequest(resources=[every], min_version=1)
        found = []
        for response in self._request_each(request, "settings of all brokers"):
            (result,) = response.results
            with map_errors("settings of all brokers"):
                raise_error(result)
            found.append(_values(result.configs))
        return found

    @with_timeout
    def broker_config(self, broker: int) -> dict[str, str]:
        """Return the settings of a broker, with defaults."""
        return _values(self._broker_configs(broker))

    @with_timeout
    def dynamic_settings(self, broker: int) -> set[str]:
        """Return the settings that a broker can change while it runs (KIP-226)."""
        return {config.name for config in self._broker_configs(broker) if not config.read_only}

    @with_timeout
    def topic_configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the settings of topics, with defaults; without topics that do not exist."""
        return {name: _values(configs) for (_, name), configs in self._configs("topic", names).items() if configs}

    @with_timeout
    def alter_settings(self, settings: Mapping[tuple[str, str], Mapping[str, str | None]]) -> None:
        """Set {(broker, topic, group or client_metrics, name): {setting: value, None: without a value of its own}}.

        The name of all brokers together is "". Where Kafka refuses a value, the others of the resource stay too.
        """
        from kafka.admin import ConfigResourceType
        from kafka.protocol.admin import IncrementalAlterConfigsRequest

        for (kind, name), values in settings.items():
            what = f"{first_few(list(values))} of {f'{kind} {name}' if name else 'all brokers'}"
            changes = [(key, DELETE if value is None else SET, value) for key, value in values.items()]
            entry = (ConfigResourceType[kind.upper()].value, name, changes)
            request = IncrementalAlterConfigsRequest(resources=[entry], validate_only=False)
            broker = int(name) if kind == "broker" and name != EVERY_BROKER else None  # each refuses those of others
            response = self._send(request, what, broker)
            with map_errors(what):
                for part in response.responses:
                    raise_error(part)

    @with_timeout
    def quotas(self) -> list[Quota]:
        """Return the quotas of all users, client ids and addresses."""
        from kafka.protocol.admin import DescribeClientQuotasRequest

        response = self._send(DescribeClientQuotasRequest(components=[], strict=False), "quotas")
        with map_errors("quotas"):
            raise_error(response)
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
        from kafka.protocol.admin import AlterClientQuotasRequest

        if not quotas:
            return
        entries = [(list(quota.entity), [(key, 0.0, True) for key, _value in quota.limits]) for quota in quotas]
        response = self._send(AlterClientQuotasRequest(entries=entries, validate_only=False), "remove quotas")
        with map_errors("remove quotas"):
            for entry in response.entries:
                raise_error(entry)

    @with_timeout
    def delete_other_users(self, kept: Collection[str], mechanism: str) -> list[str]:
        """Remove all SCRAM credentials but those of `kept` for `mechanism`, and return whose: `ann (SCRAM-SHA-256)`."""
        from kafka.admin import ScramMechanism, UserScramCredentialDeletion

        with map_errors("remove users"):
            wanted = ScramMechanism[mechanism.replace("-", "_")]
            deletions = [
                UserScramCredentialDeletion(user, info["mechanism"])
                for user, known in self._connected().describe_user_scram_credentials().items()
                for info in known["credential_infos"]
                if user not in kept or info["mechanism"] != wanted
            ]
            errors = self._connected().alter_user_scram_credentials(deletions) if deletions else {}
        for user, error in errors.items():
            if error:
                raise KafkaFailed(f"remove user {user}: {error}")
        return sorted(f"{each.user} ({each.mechanism.name.replace('_', '-')})" for each in deletions)

    @with_timeout
    def delete_other_acls(self, kept: Collection[AclPlan]) -> list[str]:
        """Remove all ACLs but `kept`, and return what they said."""
        with map_errors("remove ACLs"):
            others = [acl for acl in every_acl(self._connected()) if not _is_one_of(acl, kept)]
            delete(self._connected(), others)
        return sorted(described(acl) for acl in others)

    def _named(self, kind: str) -> list[str]:
        """The names that have settings of a kind; none where this Kafka can't list them (before 4.1)."""
        from kafka.errors import UnsupportedVersionError

        with (
            map_errors(f"settings of {kind.replace('_', ' ')}s"),
            contextlib.suppress(UnsupportedVersionError),
        ):
            return list(self._connected().list_config_resources([kind.upper()]).get(kind, []))
        return []

    def _broker_configs(self, broker: int) -> list[Any]:
        return self._configs("broker", [str(broker)], broker)["broker", str(broker)]

    def _configs(self, kind: str, names: Sequence[str], broker: int | None = None) -> dict[tuple[str, str], list[Any]]:
        """{(kind, name): settings}. A broker's also has those of all brokers; without `broker` any of them responds."""
        from kafka.admin import ConfigResourceType
        from kafka.protocol.admin import DescribeConfigsRequest

        if not names:
            return {}
        what = f"settings of {kind.replace('_', ' ')}s"
        resources = [(ConfigResourceType[kind.upper()].value, name, None) for name in names]
        request = DescribeConfigsRequest(resources=resources, include_synonyms=broker is not None, min_version=1)
        results = self._send(request, what, broker).results
        if kind == "broker":  # an older Kafka has no settings of groups
            with map_errors(what):
                for result in results:
                    raise_error(result)
        return {(kind, str(result.resource_name)): list(result.configs) for result in results}

    def _send(self, request: Any, what: str, broker: int | None = None) -> Any:
        """The response of a broker, of any where None."""
        if broker is None:
            return self._request(request, what)
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no method for it
        with map_errors(what):
            return manager.run(manager.send, request, broker)


def _changes(name: str, configs: Sequence[Any]) -> dict[str, str | None]:
    """The settings that a resource has by a change of itself."""
    from kafka.admin import ConfigSourceType

    others = {ConfigSourceType.STATIC_BROKER_CONFIG, ConfigSourceType.DEFAULT_CONFIG}
    if name != EVERY_BROKER:
        others.add(ConfigSourceType.DYNAMIC_DEFAULT_BROKER_CONFIG)
    return {config.name: None for config in configs if config.config_source not in others}


def _value(configs: Sequence[Any], key: str) -> str:
    return str(next(config.value for config in configs if config.name == key))


def _own_value(configs: Sequence[Any], key: str) -> str:
    """The value of a broker's setting without changes: of its file, or Kafka's own."""
    from kafka.admin import ConfigSourceType

    unchanged = {ConfigSourceType.STATIC_BROKER_CONFIG, ConfigSourceType.DEFAULT_CONFIG}
    synonyms = next(config.synonyms for config in configs if config.name == key)
    return str(next(known.value for known in synonyms if known.source in unchanged))


def _is_one_of(acl: Any, kept: Collection[AclPlan]) -> bool:
    return allows(acl) and acl.host == "*" and as_plan(acl) in kept


def _values(configs: Sequence[Any]) -> dict[str, str]:
    return {config.name: str(config.value) for config in configs}
