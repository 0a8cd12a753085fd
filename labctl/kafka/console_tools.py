"""Kafka's console tools: their command lines, with the options of the lab's Kafka version."""

from __future__ import annotations

import shlex

from labctl.constants import DEFAULT_NAME, TOOLS_FOLDER
from labctl.plan.model import LabPlan, NodePlan
from labctl.versions import has

SHORT_FETCH = "fetch.max.wait.ms=20"  # a consumer ends as soon as it has its records, not after a fetch of 500 ms


def console_producer(
    bootstrap: str, topic: str, *, config: str | None = None, kafka_version: str | None = None
) -> list[str]:
    """Return a command that writes each line of stdin as a record. `config` is a client's .properties file."""
    return [
        *(f"{TOOLS_FOLDER}/kafka-console-producer.sh", "--bootstrap-server", bootstrap, "--topic", topic),
        *config_option("producer", config, kafka_version),
    ]


def config_option(side: str, config: str | None, kafka_version: str | None) -> list[str]:
    """Return the option that names the .properties file of a console producer or consumer (`side`), if any."""
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
    """Return a command that prints `count` records from the beginning, as a member of `group`.

    It gives up after `seconds` without a record. Where Kafka's version is known, it ends as soon as it has them.
    """
    option = "--command-property" if has(kafka_version or "0", "--command-property") else "--consumer-property"
    return [
        f"{TOOLS_FOLDER}/kafka-console-consumer.sh",
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *_limits(count, group, seconds),
        *((option, SHORT_FETCH) if kafka_version else ()),
        *config_option("consumer", config, kafka_version),
    ]


def console_share_consumer(
    bootstrap: str, topic: str, *, count: int, group: str, seconds: float, config: str | None = None
) -> list[str]:
    """Return a command that prints `count` records of a share group (KIP-932); its setting says where it starts."""
    return [
        f"{TOOLS_FOLDER}/kafka-console-share-consumer.sh",
        *("--bootstrap-server", bootstrap, "--topic", topic),
        *_limits(count, group, seconds),
        *(("--command-config", config) if config else ()),
    ]


def quorum_status(controller: str, config: str) -> list[str]:
    """Return a command that reads the quorum from a controller's own listener."""
    tool = f"{TOOLS_FOLDER}/kafka-metadata-quorum.sh"
    return [tool, "--bootstrap-controller", controller, "--command-config", config, "describe", "--status"]


def feature_levels(bootstrap: str, kafka_version: str, config: str | None = None) -> list[str]:
    """Return a command that prints the feature levels of a release, such as 4.4, as NAME=LEVEL (KIP-1022)."""
    release = ".".join(kafka_version.split(".")[:2])
    options = ["--command-config", config] if config else []
    tool = f"{TOOLS_FOLDER}/kafka-features.sh"
    return [tool, "--bootstrap-server", bootstrap, *options, "version-mapping", "--release-version", release]


def name_option(lab: str) -> tuple[str, ...]:
    """Return the option that names the lab to labctl, from any folder."""
    return () if lab == DEFAULT_NAME else ("--name", lab)


def exec_prefix(lab: str, node: str) -> tuple[str, ...]:
    """Return what a person types before a command for a node, in any runtime."""
    return ("labctl", "exec", *name_option(lab), node, "--")


def sample_commands(
    prefix: tuple[str, ...],
    folder: str,
    bootstrap: str,
    topic: str,
    *,
    config: str | None = None,
    kafka_version: str | None = None,
) -> tuple[str, str]:
    """Return what a person types to produce a record, and to consume all records.

    `folder` has the tools; "" where they are found without it.
    """
    options = ("--bootstrap-server", bootstrap, "--topic", topic)
    produce, consume = (
        shlex.join([*prefix, f"{folder}kafka-console-{side}.sh", *options, *config_option(side, config, kafka_version)])
        for side in ("producer", "consumer")
    )
    return f"echo hello | {produce}", f"{consume} --from-beginning"


def _limits(count: int, group: str, seconds: float) -> tuple[str, ...]:
    return ("--max-messages", str(count), "--group", group, "--timeout-ms", str(int(seconds * 1000)))


def format_options(plan: LabPlan, node: NodePlan) -> list[str]:
    """Return the options of the format tool about the quorum of a node; none where the settings name the voters."""
    if not plan.dynamic_quorum:
        return []
    if node.directory_id:
        return ["--initial-controllers", plan.initial_controllers]
    return ["--no-initial-controllers"]


def add_controller(bootstrap: str, settings: str) -> list[str]:
    """Return a command that makes the controller with these settings (server.properties) a voter (KIP-853)."""
    tool = f"{TOOLS_FOLDER}/kafka-metadata-quorum.sh"
    return [tool, "--command-config", settings, "--bootstrap-server", bootstrap, "add-controller"]


def remove_controller(bootstrap: str, number: int, directory: str, config: str | None) -> list[str]:
    """Return a command that takes a voter's vote away; `directory` is the id of its data folder."""
    tool = f"{TOOLS_FOLDER}/kafka-metadata-quorum.sh"
    options = ["--command-config", config] if config else []
    voter = ["--controller-id", str(number), "--controller-directory-id", directory]
    return [tool, *options, "--bootstrap-server", bootstrap, "remove-controller", *voter]
