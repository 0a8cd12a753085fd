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


def name_option(lab: str) -> tuple[str, ...]:
    """How a person names the lab to labctl, wherever they are."""
    return () if lab == DEFAULT_NAME else ("--name", lab)


def in_node(lab: str, node: str) -> tuple[str, ...]:
    """What a person types before a command for a node, in any runtime."""
    return ("labctl", "exec", *name_option(lab), node, "--")


def in_container(container: str) -> tuple[str, ...]:
    """The same where there is no labctl, but Docker."""
    return ("docker", "exec", "-i", container)


def typed(
    inside: tuple[str, ...],
    folder: str,
    bootstrap: str,
    topic: str,
    *,
    config: str | None = None,
    kafka_version: str | None = None,
) -> tuple[str, str]:
    """What a person types to produce a record, and to consume all there are; `folder` has the tools, "" where known."""
    door = ("--bootstrap-server", bootstrap, "--topic", topic)
    produce, consume = (
        shlex.join([*inside, f"{folder}kafka-console-{side}.sh", *door, *config_option(side, config, kafka_version)])
        for side in ("producer", "consumer")
    )
    return f"echo hello | {produce}", f"{consume} --from-beginning"
