"""Kafka's images: how each turns its environment into settings, its defaults, its paths. IMAGES is the table.

Sources: docker/resources/common-scripts/configure and kafka.docker.KafkaDockerWrapper of apache/kafka; configure and
kafka.properties.template of confluentinc/kafka-images; libkafka.sh and kafka-env.sh of bitnami/containers;
start-kafka.sh of wurstmeister/kafka-docker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.version_lock import locked_versions
from labctl.versions import version_tuple

Version = tuple[int, ...]
# variables that Kafka's start scripts read, in every image
OF_SCRIPTS = frozenset(
    {
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_HEAP_OPTS",
        "KAFKA_HOME",
        "KAFKA_JMX_HOSTNAME",
        "KAFKA_JMX_OPTS",
        "KAFKA_JMX_PORT",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_LOG4J_LOGGERS",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_LOG4J_ROOT_LOGLEVEL",
        "KAFKA_OPTS",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
        "KAFKA_VERSION",
    }
)
# apache/kafka and cp-kafka: file names below /etc/kafka/secrets, from which their scripts make settings
OF_SECRETS = frozenset(
    {
        "KAFKA_SSL_KEYSTORE_CREDENTIALS",
        "KAFKA_SSL_KEYSTORE_FILENAME",
        "KAFKA_SSL_KEY_CREDENTIALS",
        "KAFKA_SSL_TRUSTSTORE_CREDENTIALS",
        "KAFKA_SSL_TRUSTSTORE_FILENAME",
    }
)
BITNAMI_ALIASES = frozenset(
    [
        "ADVERTISED_LISTENERS",
        "AUTO_CREATE_TOPICS_ENABLE",
        "BROKER_ID",
        "CONTROLLER_QUORUM_VOTERS",
        "DEFAULT_REPLICATION_FACTOR",
        "DELETE_TOPIC_ENABLE",
        "INTER_BROKER_LISTENER_NAME",
        "LISTENERS",
        "LISTENER_SECURITY_PROTOCOL_MAP",
        "LOG_DIRS",
        "LOG_FLUSH_INTERVAL_MESSAGES",
        "LOG_FLUSH_INTERVAL_MS",
        "LOG_MESSAGE_FORMAT_VERSION",
        "LOG_RETENTION_BYTES",
        "LOG_RETENTION_HOURS",
        "LOG_SEGMENT_BYTES",
        "MESSAGE_MAX_BYTES",
        "NODE_ID",
        "NUM_IO_THREADS",
        "NUM_NETWORK_THREADS",
        "NUM_PARTITIONS",
        "NUM_RECOVERY_THREADS_PER_DATA_DIR",
        "OFFSETS_TOPIC_REPLICATION_FACTOR",
        "PROCESS_ROLES",
        "SOCKET_RECEIVE_BUFFER_BYTES",
        "SOCKET_REQUEST_MAX_BYTES",
        "SOCKET_SEND_BUFFER_BYTES",
        "SSL_ENDPOINT_IDENTIFICATION_ALGORITHM",
        "TRANSACTION_STATE_LOG_MIN_ISR",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "ZOOKEEPER_CONNECT",
        "ZOOKEEPER_CONNECTION_TIMEOUT_MS",
    ]
)
ONE_REPLICA = {
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
}


@dataclass(frozen=True, slots=True, eq=False)
class KafkaImage:
    """How one family of images works.

    `defaults` are settings that it has unless the environment replaces them; `whole` those of a container without any
    variable for Kafka. `known` is whether what its environment lacks can be told.
    """

    name: str
    repositories: tuple[str, ...]
    known: bool = True
    prefix: str = "KAFKA_"
    own_variables: frozenset[str] = OF_SCRIPTS
    aliases: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)
    derives_listeners: bool = False
    needs_cluster_id: bool = False
    cluster_id: str = "CLUSTER_ID"
    data_folder: str = "/var/lib/kafka/data"
    user: int = 1000
    tools: str = ""  # the folder of the tools where it is not on PATH
    tool_suffix: str = ".sh"
    sh_is_bash: bool = False
    runs: tuple[str, ...] = ()  # what starts Kafka in it
    config_folders: tuple[str, ...] = ()


APACHE = KafkaImage(
    "apache/kafka",
    ("apache/kafka", "apache/kafka-native"),
    own_variables=OF_SCRIPTS | OF_SECRETS,
    whole={
        "advertised.listeners": "PLAINTEXT://localhost:9092",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "log.dirs": "/tmp/kraft-combined-logs",  # noqa: S108 - of the image
        "node.id": "1",
        "process.roles": "broker,controller",
        **ONE_REPLICA,
    },
    derives_listeners=True,
    tools="/opt/kafka/bin",
    runs=("/etc/kafka/docker/run", "/__cacert_entrypoint.sh", "kafka-server-start.sh"),
    config_folders=("/mnt/shared/config", "/opt/kafka/config"),
)
CONFLUENT = KafkaImage(
    "confluentinc/cp-kafka",
    (
        "confluentinc/cp-kafka",
        "confluentinc/cp-server",
        "confluentinc/cp-enterprise-kafka",
        "confluentinc/cp-kcat-server",
    ),
    own_variables=OF_SCRIPTS | OF_SECRETS | {"KAFKA_DATA_DIRS", "KAFKA_CUB_ZK_TIMEOUT", "KAFKA_CUB_KAFKA_TIMEOUT"},
    defaults={"log.dirs": "/var/lib/kafka/data"},
    derives_listeners=True,
    needs_cluster_id=True,
    tool_suffix="",
    sh_is_bash=True,
    runs=("/etc/confluent/docker/run", "kafka-server-start"),
    config_folders=("/etc/kafka", "/etc/confluent/docker"),
)
BITNAMI = KafkaImage(
    "bitnami/kafka",
    ("bitnami/kafka", "bitnamilegacy/kafka", "bitnamisecure/kafka", "soldevelo/kafka"),
    known=False,
    prefix="KAFKA_CFG_",
    aliases=BITNAMI_ALIASES,
    defaults={"log.dirs": "/bitnami/kafka/data", "listeners": "PLAINTEXT://:9092", **ONE_REPLICA},
    cluster_id="KAFKA_KRAFT_CLUSTER_ID",
    data_folder="/bitnami/kafka",
    user=1001,
    runs=("/opt/bitnami/scripts/kafka/run.sh", "/run.sh"),
    config_folders=("/bitnami/kafka/config", "/opt/bitnami/kafka/config"),
)
WURSTMEISTER = KafkaImage(
    "wurstmeister/kafka",
    ("wurstmeister/kafka",),
    known=False,
    own_variables=OF_SCRIPTS
    | {"KAFKA_CREATE_TOPICS", "KAFKA_ADVERTISED_HOST_NAME", "KAFKA_ADVERTISED_PORT", "KAFKA_PORT", "KAFKA_HOST_NAME"}
    | {"KAFKA_ADVERTISED_PROTOCOL_NAME", "KAFKA_PROTOCOL_NAME", "KAFKA_INTER_BROKER_PORT"},
    defaults=ONE_REPLICA,
    data_folder="/kafka",
    user=0,
    runs=("start-kafka.sh", "/usr/bin/start-kafka.sh"),
    config_folders=("/opt/kafka/config",),
)
# Images whose scripts labctl does not know: their services are brokers, and what they lack can't be told.
OTHER = KafkaImage(
    "another Kafka image",
    (
        "strimzi/kafka",
        "debezium/kafka",
        "ubuntu/kafka",
        "confluentinc/confluent-local",
        "lensesio/fast-data-dev",
        "landoop/fast-data-dev",
        "spotify/kafka",
        "bashj79/kafka-kraft",
        "obsidiandynamics/kafka",
        "johnnypark/kafka-zookeeper",
    ),
    known=False,
)
IMAGES = (APACHE, CONFLUENT, BITNAMI, WURSTMEISTER, OTHER)
ZOOKEEPER = re.compile(r"(^|/)(cp-)?zookeeper$")
DOCKER_HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "registry.hub.docker.com/")
NEWEST_WURSTMEISTER = (2, 8, 1)


def split_image(image: str) -> tuple[str, str]:
    """Return (repository, tag) of an image's reference, without Docker Hub's name; the tag is "" with a digest."""
    name, _, digest = image.partition("@")
    for registry in DOCKER_HUB:
        name = name.removeprefix(registry)
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "" if digest else "latest"
    return head, "" if digest and not tag else tag


def find_image(image: str) -> KafkaImage | None:
    """Return the family of an image, also from a mirror; None where it is no Kafka."""
    repository, _tag = split_image(image)
    parts = repository.split("/")
    last_two = "/".join(parts[-2:])
    return next((known for known in IMAGES if last_two in known.repositories), None)


def kafka_version(image: str) -> Version | None:
    """Return the version of Kafka in an image; None where its tag does not say. `latest` is the newest known one."""
    repository, tag = split_image(image)
    family = find_image(image)
    if family is None or family is OTHER or UNKNOWN in tag or not tag:
        return None
    if family is WURSTMEISTER:
        tag = tag.rpartition("-")[2]
        if tag == "latest":
            return NEWEST_WURSTMEISTER
    if tag in {"latest", "latest-ubi8", "latest-ubi9"}:
        return version_tuple(locked_versions()[-1])
    numbers = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    if not numbers:
        return None
    version = version_tuple(numbers[1])
    if family is CONFLUENT:
        return _of_confluent(version)
    return version if len(version) > 1 or repository else None


def _of_confluent(platform: Version) -> Version | None:
    """Kafka's version in Confluent Platform: 5.4 has 2.4, 6.2 has 2.8, 7.5 has 3.5, 8.0 has 4.0.

    https://docs.confluent.io/platform/current/installation/versions-interoperability.html
    """
    first = {5: (2, 0), 6: (2, 6), 7: (3, 0), 8: (4, 0)}.get(platform[0])
    minor = platform[1] if len(platform) > 1 else 0
    return (first[0], first[1] + minor) if first else None


def locked_release(version: Version) -> str | None:
    """Return the newest locked version with the same first two numbers as `version`; None where there is none."""
    same = [locked for locked in locked_versions() if version and version_tuple(locked)[:2] == version[:2]]
    return same[-1] if same else None
