"""Kafka's console tools by verb: the command lines, with the flags of the lab's Kafka version."""

from __future__ import annotations

import shlex

from labctl.plan import DEFAULT_NAME
from labctl.versions import has

FOLDER = "/opt/kafka/bin"  # where apache/kafka's image has them; the local runtime knows the same paths


def console_producer(
    bootstrap: str, topic: str, *, config: str | None = None, kafka_version: str | None = None
) -> list[str]:
    """Reads lines from stdin and writes each as a record. `config` is a client's .properties file."""
    return [
        *(f"{FOLDER}/kafka-console-producer.sh", "--bootstrap-server", bootstrap, "--topic", topic),
        *config_option("producer", config, kafka_version),
    ]


def config_option(side: str, config: str | None, kafka_version: str | None) -> list[str]:
    """How a console producer or consumer (`side`) is told its .properties file; nothing where there is none."""
    if config is None:
        return []
    return ["--command-config" if has(kafka_version or "0", "--command-config") else f"--{side}.config", config]


def console_consumer(
    bootstrap: str,
    topic: str,
    *,
    count: int,
    group: str,
    seconds: float,
    config: str | None = None,
    kafka_version: str | None = None,
) -> list[str]:
    """Prints `count` records from the beginning, as a member of `group`; gives up after `seconds` without one.

    Where Kafka's version is known it ends as soon as it has them, else after the fetch that is on its way (0.5 s).
    """
    option = "--command-property" if has(kafka_version or "0", "--command-property") else "--consumer-property"
    return [
        f"{FOLDER}/kafka-console-consumer.sh",
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *("--max-messages", str(count), "--group", group, "--timeout-ms", str(int(seconds * 1000))),
        *((option, "fetch.max.wait.ms=20") if kafka_version else ()),
        *config_option("consumer", config, kafka_version),
    ]


def console_share_consumer(
    bootstrap: str, topic: str, *, count: int, group: str, seconds: float, config: str | None = None
) -> list[str]:
    """Prints `count` records of a share group (KIP-932); a new group starts where its setting says."""
    return [
        f"{FOLDER}/kafka-console-share-consumer.sh",
        *("--bootstrap-server", bootstrap, "--topic", topic),
        *("--max-messages", str(count), "--group", group, "--timeout-ms", str(int(seconds * 1000))),
        *(("--command-config", config) if config else ()),
    ]


def quorum_status(controller: str, config: str) -> list[str]:
    """Asks a controller at its own door for the quorum."""
    tool = f"{FOLDER}/kafka-metadata-quorum.sh"
    return [tool, "--bootstrap-controller", controller, "--command-config", config, "describe", "--status"]


def typed(
    lab: str, node: str, bootstrap: str, topic: str, *, config: str | None = None, kafka_version: str | None = None
) -> tuple[str, str]:
    """What a person types in any runtime: to produce a record, and to read all there are."""
    inside = f"labctl exec {'' if lab == DEFAULT_NAME else f'--name {lab} '}{node} --"
    return _typed(inside, "", bootstrap, topic, config, kafka_version)


def typed_in_docker(
    container: str, bootstrap: str, topic: str, *, config: str | None = None, kafka_version: str | None = None
) -> tuple[str, str]:
    """The same where labctl is not there, but its containers are."""
    return _typed(f"docker exec -i {container}", f"{FOLDER}/", bootstrap, topic, config, kafka_version)


def _typed(
    inside: str, folder: str, bootstrap: str, topic: str, config: str | None, kafka_version: str | None
) -> tuple[str, str]:
    door = f"--bootstrap-server {bootstrap} --topic {shlex.quote(topic)}"
    produce, consume = (
        " ".join([f"{inside} {folder}kafka-console-{side}.sh {door}", *config_option(side, config, kafka_version)])
        for side in ("producer", "consumer")
    )
    return f"echo hello | {produce}", f"{consume} --from-beginning"
