"""Which of Kafka's settings lab.yaml may have: those that this version knows, and labctl does not set itself.

lab.yaml is data. A setting with a number is harmless. A setting with a text may name a class, a file, a program or a
server, which Kafka then loads, reads, runs or calls. It is refused unless it is listed here, or the user trusts the
file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice

from labctl.spec.model import KeyPath, LabSpec, Problem, Scalar
from labctl.version_lock import VersionLock, load_lock, locked_versions
from labctl.versions import version_tuple

# What labctl itself decides for every node: with these in `kafka.config`, the lab would not be the lab of the plan.
OWN_SETTINGS = frozenset(
    {
        "advertised.listeners",
        "broker.id",
        "controller.listener.names",
        "controller.quorum.bootstrap.servers",
        "controller.quorum.voters",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "listeners",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
        "node.id",
        "process.roles",
        "security.inter.broker.protocol",
    }
)
# the same where a login is required: names, or the start of names
OWN_SECURITY_SETTINGS = (
    "allow.everyone.if.no.acl.found",
    "authorizer.",
    "config.providers",
    "listener.name.",
    "sasl.",
    "ssl.",
    "super.users",
)

TEXT_TYPES = {"string", "list", "class", "password"}
LISTENER_PREFIX = "listener.name."  # then the listener, a mechanism or nothing, and the setting
# settings that Kafka's own classes read beside those that KafkaConfig defines: StandardAuthorizer, JmxReporter
SETTINGS_OF_CLASSES = {
    "allow.everyone.if.no.acl.found",
    "metrics.jmx.exclude",
    "metrics.jmx.include",
    "super.users",
}
# settings whose text Kafka compares, shows or computes with, and no more: whatever it is, it does no harm
HARMLESS_TEXTS = SETTINGS_OF_CLASSES | {
    "broker.rack",
    "compression.type",
    "control.plane.listener.name",
    "delegation.token.master.key",
    "delegation.token.secret.key",
    "early.start.listeners",
    "group.consumer.migration.policy",
    "group.coordinator.rebalance.protocols",
    "inter.broker.protocol.version",
    "log.cleanup.policy",
    "log.message.format.version",
    "log.message.timestamp.type",
    "max.connections.per.ip.overrides",
    "metrics.recording.level",
    "password.encoder.cipher.algorithm",
    "password.encoder.keyfactory.algorithm",
    "password.encoder.old.secret",
    "password.encoder.secret",
    "remote.log.metadata.manager.impl.prefix",
    "remote.log.metadata.manager.listener.name",
    "remote.log.storage.manager.impl.prefix",
    "sasl.enabled.mechanisms",
    "sasl.kerberos.principal.to.local.rules",
    "sasl.kerberos.service.name",
    "sasl.mechanism.controller.protocol",
    "sasl.mechanism.inter.broker.protocol",
    "ssl.cipher.suites",
    "ssl.client.auth",
    "ssl.enabled.protocols",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keymanager.algorithm",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.principal.mapping.rules",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "ssl.truststore.certificates",
    "ssl.truststore.password",
    "ssl.truststore.type",
}
# Kafka's own classes that load nothing further, and the short names that it has for some of them
HARMLESS_CLASSES = {
    "authorizer.class.name": {"org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
    "group.consumer.assignors": {
        "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
        "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
        "range",
        "uniform",
    },
    "group.share.assignors": {"org.apache.kafka.coordinator.group.assignor.SimpleAssignor", "simple"},
    "metric.reporters": {"org.apache.kafka.common.metrics.JmxReporter"},
    "principal.builder.class": {"org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"},
    "remote.log.metadata.manager.class.name": {
        "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"
    },
    "remote.log.storage.manager.class.name": {"org.apache.kafka.server.log.remote.storage.NoOpRemoteStorageManager"},
    "replica.selector.class": {
        "org.apache.kafka.common.replica.LeaderSelector",
        "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    },
}
MOST_PROBLEMS = 100  # the search for the nearest name takes a while
NEEDS_TRUST = "can load code, read a file, run a program or call a server; labctl accepts it only with --trust"


def setting_problems(spec: LabSpec, *, trusted: bool) -> list[Problem]:
    """Return the settings in `spec` that it may not have: (path of the key, what is wrong and what to do).

    With `trusted` any setting is accepted that labctl does not set itself.
    """
    problems = [*_own_settings(spec)]
    if not trusted and (spec.kafka.config or any(topic.config for topic in spec.topics)):
        lock = _nearest_lock(spec.kafka.version)
        own = {path for path, _what in problems}
        untrusted = (problem for problem in _untrusted_settings(spec, lock) if problem[0] not in own)
        problems += islice(untrusted, MOST_PROBLEMS)
    return problems


def _own_settings(spec: LabSpec) -> Iterator[Problem]:
    secure = spec.security.profile.requires_login
    for key in sorted(spec.kafka.config):
        if key in OWN_SETTINGS or (secure and key.startswith(OWN_SECURITY_SETTINGS)):
            yield ("kafka", "config", key), "labctl sets this setting itself; remove it"


def _untrusted_settings(spec: LabSpec, lock: VersionLock) -> Iterator[Problem]:
    places: list[tuple[KeyPath, Mapping[str, Scalar], str]] = [(("kafka", "config"), spec.kafka.config, "broker")]
    places += [(("topics", number, "config"), topic.config, "topic") for number, topic in enumerate(spec.topics)]
    for path, settings, kind in places:
        for key, value in settings.items():
            what = _problem(key, str(value), kind, lock)
            if what:
                yield (*path, key), what


def _problem(key: str, value: str, kind: str, lock: VersionLock) -> str:
    """What is wrong with a setting of a broker or topic; "" where nothing is."""
    name = _without_listener(key, lock) if kind == "broker" else key
    type_name = "string" if name in SETTINGS_OF_CLASSES and kind == "broker" else lock.settings[kind].get(name)
    if type_name is None:
        return _unknown(key, kind, lock)
    if "${" in value or any(not character.isprintable() for character in value):
        return "a value has no ${…}, which Kafka would read a file for, and no control characters, unless with --trust"
    harmless = kind == "topic" or type_name not in TEXT_TYPES or name in HARMLESS_TEXTS
    values = {part.strip() for part in value.split(",")} - {""}
    return "" if harmless or values <= HARMLESS_CLASSES.get(name, set()) else NEEDS_TRUST


def _unknown(key: str, kind: str, lock: VersionLock) -> str:
    """The sentence on a name that Kafka does not know: which other clients have it, and the nearest name."""
    text = f"Kafka {lock.kafka} has no {kind} setting of this name"
    others = [f"{other}s" for other, names in lock.settings.items() if key in names]
    if others:
        text += f", it is a setting of {' and '.join(others)}"
    names = lock.settings[kind]
    # Kafka's names for the same setting of a broker and of a topic differ by this prefix
    same = [name for name in (f"log.{key}", key.removeprefix("log.")) if name in names]
    near = same or difflib.get_close_matches(key, names, 1, 0.7)
    return f"{text}; did you mean {near[0]}?" if near else f"{text}; --trust accepts settings of a plugin"


def _without_listener(key: str, lock: VersionLock) -> str:
    """The setting that `listener.name.NAME[.MECHANISM].SETTING` means for one listener; another key as it is."""
    if not key.startswith(LISTENER_PREFIX):
        return key
    parts = key.split(".")
    endings = (".".join(parts[first:]) for first in range(3, len(parts)))
    return next((name for name in endings if name in lock.settings["broker"]), key)


def _nearest_lock(version: str) -> VersionLock:
    """The version lock file of Kafka `version`, else of the newest version before it, else the oldest."""
    known = locked_versions()
    earlier = [other for other in known if version_tuple(other) <= version_tuple(version)]
    return load_lock((earlier or known[:1])[-1])
