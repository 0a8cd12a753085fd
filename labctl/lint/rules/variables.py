"""Variables and settings that an image or a version ignores, refuses or reads otherwise."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from labctl.lint.compose.interpolation import shown
from labctl.lint.edit import Edit, RemoveVariable, RenameVariable, SetVariable
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT, OF_SCRIPTS, OF_SECRETS, WURSTMEISTER
from labctl.lint.migration import full_set, to_kraft
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import LISTENERS, ROLES, VOTERS
from labctl.version_lock import load_lock, locked_versions
from labctl.versions import version_tuple

SECRET = re.compile(r"PASSW|SECRET|CREDENTIAL|TOKEN|JAAS|_KEY$")  # in the name of a variable whose value is not shown
OF_BITNAMI = frozenset(
    [
        "ALLOW_PLAINTEXT_LISTENER",
        "BITNAMI_DEBUG",
        "KAFKA_CERTIFICATE_PASSWORD",
        "KAFKA_CLIENT_PASSWORDS",
        "KAFKA_CLIENT_USERS",
        "KAFKA_ENABLE_KRAFT",
        "KAFKA_INTER_BROKER_PASSWORD",
        "KAFKA_INTER_BROKER_USER",
        "KAFKA_KRAFT_CLUSTER_ID",
        "KAFKA_KRAFT_MODE",
        "KAFKA_TLS_TYPE",
    ]
)
OF_WURSTMEISTER = frozenset(
    [
        "BROKER_ID_COMMAND",
        "HOSTNAME_COMMAND",
        "KAFKA_ADVERTISED_HOST_NAME",
        "KAFKA_ADVERTISED_PORT",
        "KAFKA_ADVERTISED_PROTOCOL_NAME",
        "KAFKA_CREATE_TOPICS",
        "KAFKA_HOST_NAME",
        "KAFKA_PORT",
        "KAFKA_PROTOCOL_NAME",
        "PORT_COMMAND",
        "RACK_COMMAND",
    ]
)
# what the entry of a variable that an image ignores would have to be
REPLACEMENTS = {
    "KAFKA_CREATE_TOPICS": "no topic is created: create it with kafka-topics.sh in a service that runs once",
    "KAFKA_ADVERTISED_HOST_NAME": "write KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://HOST:9092",
    "KAFKA_ADVERTISED_PORT": "write KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://HOST:9092",
    "KAFKA_KRAFT_CLUSTER_ID": "write CLUSTER_ID",
    "KAFKA_CLUSTER_ID": "write CLUSTER_ID",
}
CLOSE = 0.85  # how alike two names are: a slip of the fingers, not another word


@rule(
    "KAFKA-OTHER-IMAGE-VARIABLE",
    "error",
    wrong="""
        KAFKA_CONTROLLER_QUORUM_VOTERS: !reset null
        KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: 1@broker:9093
    """,
    right="KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093",
)
def other_image_variable(setup: Setup) -> Iterator[Match]:
    """Variables have the names of bitnami's image, and this is another one.

    bitnami/kafka makes `process.roles` of KAFKA_CFG_PROCESS_ROLES. Other images make `cfg.process.roles` of it, which
    Kafka does not know and ignores.
    """
    for node in setup.nodes:
        if node.image not in {APACHE, CONFLUENT}:
            continue
        names = [name for name in node.service.environment if name.startswith(BITNAMI.prefix)]
        names = [name for name in names if f"KAFKA_{name.removeprefix(BITNAMI.prefix)}" not in node.service.environment]
        if names:
            more = f" and {len(names) - 1} more have" if len(names) > 1 else " has"
            yield Match(
                node.service.environment[names[0]].place,
                f"{names[0]}{more} the prefix of bitnami's image; {node.image.name} ignores {_it(names)}",
                f"write {names[0].replace(BITNAMI.prefix, 'KAFKA_')}"
                + (f", and CLUSTER_ID and {node.image.data_folder} for bitnami's" if len(names) > 1 else ""),
                tuple(RenameVariable(node.name, name, name.replace(BITNAMI.prefix, "KAFKA_")) for name in names),
            )


@rule(
    "KAFKA-DEFAULTS-DROPPED",
    "error",
    wrong="""
        services:
          broker:
            environment: !override
              KAFKA_NUM_PARTITIONS: 3
    """,
    right="KAFKA_NUM_PARTITIONS: 3",
    versions="apache/kafka, 3.7 and newer",
)
def defaults_dropped(setup: Setup) -> Iterator[Match]:
    """A variable makes apache/kafka forget its own configuration.

    Without any variable KAFKA_… the image starts with its own configuration. With one of them it starts with what the
    variables say, and nothing else: process.roles, node.id, listeners and voters are then missing.
    """
    for node in setup.nodes:
        essential = {ROLES, "node.id", VOTERS, LISTENERS, "zookeeper.connect"}
        own = [setting for setting in node.settings.values() if setting.variable]
        translated = any(setting.name.startswith("cfg.") for setting in own)
        if node.image is APACHE and node.complete and own and not translated and not essential & node.settings.keys():
            more = f" and {len(own) - 1} more" if len(own) > 1 else ""
            yield Match(
                own[0].place,
                f"only {own[0].variable}{more} is set: with any variable KAFKA_… apache/kafka forgets its defaults",
                "write the full set (labctl render shows one), or none of them",
                full_set(node),
            )


@rule(
    "KAFKA-ZOOKEEPER-REMOVED",
    "error",
    wrong="""
        services:
          broker:
            environment: !override
              KAFKA_BROKER_ID: 1
              KAFKA_ZOOKEEPER_CONNECT: zookeeper:2181
              KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://broker:9092
              KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
    """,
    right="KAFKA_PROCESS_ROLES: broker,controller",
    versions="4.0 and newer",
)
def zookeeper_removed(setup: Setup) -> Iterator[Match]:
    """The node is configured for ZooKeeper, which this version of Kafka does not have.

    Kafka 4.0 (Confluent Platform 8.0) removed ZooKeeper. A tag such as `latest` has brought a newer version since the
    file was written.
    """
    for node in setup.nodes:
        if node.uses_zookeeper and node.is_at_least((4, 0)):
            yield Match(
                node.place("zookeeper.connect"),
                f"{shown(node.service.image)} has Kafka {_dotted(node)}, which has no ZooKeeper mode any more",
                "configure KRaft (labctl lint --fix does it for one broker), or pin the last version that had it: "
                + ("confluentinc/cp-kafka:7.9.0" if node.image is CONFLUENT else "3.9.1"),
                to_kraft(setup, node),
            )


@rule(
    "KAFKA-SETTING-REMOVED",
    "error",
    wrong="""
        services:
          broker:
            environment: !override
              KAFKA_ADVERTISED_HOST_NAME: broker
              KAFKA_PROCESS_ROLES: broker,controller
              KAFKA_NODE_ID: 1
              KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
              KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
              KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093
              KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
              KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
              KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: 1
    """,
    right="KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094",
    versions="3.0 and newer",
)
def setting_removed(setup: Setup) -> Iterator[Match]:
    """The address is given in a form that Kafka no longer reads.

    Kafka 3.0 removed host.name, port, advertised.host.name and advertised.port. It ignores them, and advertises the
    container's own name.
    """
    for node in setup.nodes:
        if node.image is WURSTMEISTER or not node.is_at_least((3, 0)):
            continue
        for name in ("advertised.host.name", "advertised.port", "host.name", "port"):
            if name in node.settings and "advertised.listeners" not in node.settings:
                yield Match(
                    node.place(name),
                    f"{node.variable(name)}: Kafka {_dotted(node)} does not read {name} any more",
                    "write KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://HOST:PORT",
                )
                break


@rule(
    "KAFKA-VARIABLE-IGNORED",
    "warning",
    wrong="ALLOW_PLAINTEXT_LISTENER: 'yes'",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def variable_ignored(setup: Setup) -> Iterator[Match]:
    """A variable of another image, or of ZooKeeper's time, has no effect.

    It came with a file for bitnami/kafka or wurstmeister/kafka, or for Kafka before 4.0.
    """
    for node in setup.nodes:
        if node.image not in {APACHE, CONFLUENT}:
            continue
        for name, variable in node.service.environment.items():
            owner = BITNAMI if name in OF_BITNAMI else WURSTMEISTER if name in OF_WURSTMEISTER else None
            is_id = name == "KAFKA_CLUSTER_ID"
            removed = name in {"KAFKA_ADVERTISED_HOST_NAME", "KAFKA_ADVERTISED_PORT", "KAFKA_PORT", "KAFKA_HOST_NAME"}
            late = name.startswith("KAFKA_ZOOKEEPER_") and bool(node.roles) and node.is_at_least((4, 0))
            if (owner or is_id or late) and not (removed and "advertised.listeners" not in node.settings):
                whose = f"is a variable of {owner.name}" if owner else "is no variable of this image"
                whose = "is a setting for ZooKeeper, which this Kafka does not have" if late else whose
                yield Match(
                    variable.place,
                    f"{name} {whose}; {node.image.name} ignores it",
                    REPLACEMENTS.get(name, "remove it"),
                    _without(node, name),
                )


@rule(
    "KAFKA-SETTING-UNKNOWN",
    "warning",
    wrong="KAFKA_LOG_RETENTION_HOUR: 24",
    right="KAFKA_LOG_RETENTION_HOURS: 24",
)
def setting_unknown(setup: Setup) -> Iterator[Match]:
    """Kafka has no setting of this name, but one with a name that is nearly the same.

    Kafka ignores settings that it does not know. The value that was meant stays at its default.
    """
    for node in setup.nodes:
        if node.version is None:
            continue
        names = _known_settings(node)
        for setting in node.settings.values():
            ignored = {*OF_BITNAMI, *OF_WURSTMEISTER, *OF_SCRIPTS, *OF_SECRETS, "KAFKA_CLUSTER_ID"}
            foreign = setting.variable.startswith(BITNAMI.prefix) and node.image is not BITNAMI
            if not setting.variable or setting.name in names or setting.variable in ignored or foreign:
                continue
            plain = setting.name.replace("_", ".")  # KAFKA_LOG__DIRS
            near = [plain] if plain in names else difflib.get_close_matches(setting.name, names, 1, CLOSE)
            if near and near[0] not in node.settings:
                yield Match(
                    setting.place,
                    f"{setting.variable}: Kafka has no setting {setting.name} and ignores it",
                    f"did you mean {node.variable(near[0])}?",
                )


@rule(
    "KAFKA-QUOTED-VALUE",
    "error",
    wrong="""
        services:
          broker:
            environment:
              - KAFKA_PROCESS_ROLES="broker,controller"
    """,
    right="""
        services:
          broker:
            environment:
              - KAFKA_PROCESS_ROLES=broker,controller
    """,
)
def quoted_value(setup: Setup) -> Iterator[Match]:
    """The value contains quotes.

    In a list, `- NAME="value"` is one text, and its quotes are part of the value. Kafka does not remove them.
    """
    for node in setup.nodes:
        for variable in node.service.environment.values():
            value = (variable.value or "").strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            relevant = variable.name.startswith("KAFKA_") or variable.name == "CLUSTER_ID"
            if quoted and relevant and value.count(value[0]) == 2:
                secret = SECRET.search(variable.name)
                written = "" if secret else f" {shown(value)}"
                bare = variable.name if secret else f"{variable.name}={shown(value[1:-1])}"
                yield Match(
                    variable.place,
                    f"{variable.name}: the quotes are part of the value{written}",
                    f"write {bare} without quotes, or the whole item in quotes",
                    (SetVariable(node.name, variable.name, value[1:-1]),) if shown(value) == value else (),
                )


def _without(node: KafkaNode, name: str) -> tuple[Edit, ...]:
    """The change for a variable that has no effect: its new name where it has one, and it is not used."""
    if name in {"KAFKA_KRAFT_CLUSTER_ID", "KAFKA_CLUSTER_ID"} and "CLUSTER_ID" not in node.service.environment:
        return (RenameVariable(node.name, name, "CLUSTER_ID"),)
    return () if name == "KAFKA_CREATE_TOPICS" else (RemoveVariable(node.name, name),)


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _dotted(node: KafkaNode) -> str:
    return ".".join(str(number) for number in (node.version or ())[:2])


def _known_settings(node: KafkaNode) -> list[str]:
    """The settings of the locked version that is nearest to the node's, and the topic's that a broker has too."""
    known = [version for version in locked_versions() if version_tuple(version)[:2] <= (node.version or ())[:2]]
    lock = load_lock((known or locked_versions()[:1])[-1])
    older = load_lock(locked_versions()[0])  # settings that were removed since are no misspelled ones
    return sorted({*lock.settings["broker"], *older.settings["broker"], "broker.id", "zookeeper.connect"})
