"""Kafka's command-line tools, in the commands of services and in their health checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from labctl.lint.compose.model import Service
from labctl.lint.compose.tree import Place
from labctl.lint.edit import ReplaceText
from labctl.lint.images import Version, kafka_version
from labctl.lint.rule import Match, Setup, rule

HEALTHY, COMPLETED = "service_healthy", "service_completed_successfully"
TOOL = re.compile(r"(?P<path>[\w./${}-]*/)?(?P<tool>kafka-[a-z-]+?)(?P<suffix>\.sh)?(?=[\s\"';)|&]|$)")
BOOTSTRAP_OPTION = re.compile(
    r"--(?:bootstrap-server|bootstrap-controller|broker-list|bootstrap-servers)[=\s]+[\"']?(?P<servers>[^\s\"';|&)]+)"
)
TOOLS = frozenset(
    [
        "kafka-acls",
        "kafka-broker-api-versions",
        "kafka-cluster",
        "kafka-configs",
        "kafka-console-consumer",
        "kafka-console-producer",
        "kafka-consumer-groups",
        "kafka-features",
        "kafka-get-offsets",
        "kafka-log-dirs",
        "kafka-metadata-quorum",
        "kafka-producer-perf-test",
        "kafka-server-start",
        "kafka-storage",
        "kafka-topics",
    ]
)


class Removed(NamedTuple):
    """An option that a tool does not have any more. `new` is an option with the same value, where there is one."""

    tools: tuple[str, ...]
    old: str
    since: Version
    instead: str
    new: str = ""


# Each was tried with the tools of 3.9, 4.0 and 4.3; the boundaries before 3.9 are those of the classes in Kafka's jars.
REMOVED = (
    Removed(("kafka-topics", "kafka-reassign-partitions"), "--zookeeper", (3, 0), "write --bootstrap-server HOST:PORT"),
    Removed(("kafka-configs",), "--zookeeper", (4, 0), "write --bootstrap-server HOST:PORT"),
    Removed(
        ("kafka-console-consumer", "kafka-consumer-groups"), "--zookeeper", (2, 8), "write --bootstrap-server HOST:PORT"
    ),
    Removed(("kafka-console-consumer", "kafka-consumer-groups"), "--new-consumer", (3, 0), "leave it out"),
    Removed(("kafka-console-consumer",), "--whitelist", (4, 0), "write --include", "--include"),
    Removed(("kafka-console-producer",), "--broker-list", (4, 0), "write --bootstrap-server", "--bootstrap-server"),
    Removed(("kafka-get-offsets",), "--broker-list", (4, 0), "write --bootstrap-server", "--bootstrap-server"),
    Removed(("kafka-acls",), "--authorizer-properties", (4, 0), "write --bootstrap-server HOST:PORT"),
)
OLD_CLASS, NEW_TOOL = "kafka.tools.GetOffsetShell", "kafka-get-offsets.sh"
OLD_CLASS_UNTIL = (3, 7)
WRITERS = ("kafka-console-producer", "kafka-verifiable-producer", "kafka-producer-perf-test")
ENDS = re.compile(r"[;|&\n]")  # of a command in a shell
TOPIC = re.compile(r"--topic[=\s]+[\"']?(?P<topic>[\w.-]+)")
POSITIONED = re.compile(r"--(from-beginning|offset|group|consumer|command)\b")


@rule(
    "KAFKA-TOOL-OPTION",
    "error",
    wrong="""
        services:
          init:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: >
              bash -c "date | /opt/kafka/bin/kafka-console-producer.sh --broker-list broker:9092 --topic dates"
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
    right="""
        services:
          init:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: >
              bash -c "date | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server broker:9092 --topic dates"
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def tool_option(setup: Setup) -> Iterator[Match]:
    """A command uses an option or a class that the tool of this version does not have any more.

    The tool ends with `… is not a recognized option`, or with ClassNotFoundException. In a health check the container
    is never healthy.

    | tool | removed | since | instead |
    | --- | --- | --- | --- |
    | kafka-topics, kafka-reassign-partitions | --zookeeper | 3.0 | --bootstrap-server |
    | kafka-configs | --zookeeper | 4.0 | --bootstrap-server |
    | kafka-console-consumer, kafka-consumer-groups | --zookeeper | 2.8 | --bootstrap-server |
    | kafka-console-consumer, kafka-consumer-groups | --new-consumer | 3.0 | nothing: leave it out |
    | kafka-console-consumer | --whitelist | 4.0 | --include |
    | kafka-console-producer, kafka-get-offsets | --broker-list | 4.0 | --bootstrap-server |
    | kafka-acls | --authorizer-properties | 4.0 | --bootstrap-server |
    | kafka-run-class | kafka.tools.GetOffsetShell | 3.7 | kafka-get-offsets |

    Since 4.2 these options still work, with a notice on stdout (KIP-1147): --property (now --reader-property with
    kafka-console-producer, --formatter-property with kafka-console-consumer), --producer-property, --consumer-property
    (now --command-property), --producer.config, --consumer.config (now --command-config).
    """
    for service in setup.stack:
        version = kafka_version(service.image)
        if version is None:
            continue
        for key, text, place in _commands(service):
            if OLD_CLASS in text and version >= OLD_CLASS_UNTIL:
                instead = f"call {NEW_TOOL} --bootstrap-server HOST:PORT"
                yield Match(place, f"Kafka has no class {OLD_CLASS} since 3.7", instead)
            for tool, options in _calls(text):
                for gone in REMOVED:
                    used = re.search(rf"(?<![\w-]){gone.old}(?![\w-])", options)
                    if tool in gone.tools and used and version >= gone.since:
                        edits = (ReplaceText(service.name, key, gone.old, gone.new),) if gone.new else ()
                        since = ".".join(map(str, gone.since))
                        yield Match(place, f"{tool} has no option {gone.old} since Kafka {since}", gone.instead, edits)


@rule(
    "KAFKA-CONSUMER-AT-END",
    "warning",
    wrong="""
        services:
          writer:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: >
              bash -c "date | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server broker:9092 --topic dates"
          reader:
            image: apache/kafka:4.4.0
            depends_on: {writer: {condition: service_completed_successfully}}
            command: /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server broker:9092 --topic dates
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
    right="""
        services:
          writer:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: >
              bash -c "date | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server broker:9092 --topic dates"
          reader:
            image: apache/kafka:4.4.0
            depends_on: {writer: {condition: service_completed_successfully}}
            command: >
              /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server broker:9092 --topic dates --from-beginning
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def consumer_at_end(setup: Setup) -> Iterator[Match]:
    """A consumer starts at the end of a topic, after its records were written.

    A new consumer group starts where auto.offset.reset says, and that is `latest` by default. The records of a service
    that has completed before are there, and this consumer never shows them.
    """
    for service in setup.others:
        written = {
            topic
            for dependency in service.depends_on.values()
            if dependency.condition == COMPLETED and dependency.service in setup.stack.services
            for topic in _topics(setup.stack.services[dependency.service], WRITERS)
        }
        for _key, text, place in _commands(service):
            for tool, options in _calls(text):
                topic = TOPIC.search(options)
                if tool != "kafka-console-consumer" or not topic or POSITIONED.search(options):
                    continue
                if topic["topic"] in written:
                    yield Match(
                        place,
                        f"{service.name} reads {topic['topic']} from its end, after the records were written",
                        "add --from-beginning",
                    )


@rule(
    "KAFKA-TOOL-TOO-EARLY",
    "warning",
    wrong="""
        services:
          init:
            image: apache/kafka:4.4.0
            depends_on: [broker]
            command: /opt/kafka/bin/kafka-topics.sh --bootstrap-server broker:9092 --create --topic orders
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
          init:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: /opt/kafka/bin/kafka-topics.sh --bootstrap-server broker:9092 --create --topic orders
          app:
            image: example/app
            depends_on: {init: {condition: service_completed_successfully}}
    """,
)
def tool_too_early(setup: Setup) -> Iterator[Match]:
    """A service that runs a tool once does not wait until Kafka is ready.

    `depends_on` without a condition waits until the container is started, not until Kafka answers. The tool gives up
    after a time of its own, and nobody repeats it.
    """
    for service in setup.others:
        text = service.command_line
        used = next((match for match in TOOL.finditer(text) if match["tool"] in TOOLS), None)
        waits = re.search(r"\b(sleep|until|while|wait-for|cub|nc -z|timeout|kafka-ready)\b", text)
        for dependency in service.depends_on.values():
            if used and not waits and dependency.condition == "service_started" and setup.node(dependency.service):
                yield Match(
                    dependency.place,
                    f"{service.name} runs {used['tool']} as soon as {dependency.service}'s container is started",
                    f"wait with {dependency.service}: {{condition: {HEALTHY}}}, and give {dependency.service} a health "
                    "check",
                )


@rule(
    "KAFKA-ONE-SHOT-WAIT",
    "info",
    wrong="""
        services:
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
          init:
            image: apache/kafka:4.4.0
            depends_on: {broker: {condition: service_healthy}}
            command: /opt/kafka/bin/kafka-topics.sh --bootstrap-server broker:9092 --create --topic orders
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def one_shot_wait(setup: Setup) -> Iterator[Match]:
    """`docker compose up --wait` fails because a service ends.

    With --wait Compose expects that every service keeps running. One that does its work and ends, also with exit code
    0, makes the command fail, unless another service waits for its completion.
    """
    awaited = {
        dependency.service
        for service in setup.stack
        for dependency in service.depends_on.values()
        if dependency.condition == COMPLETED
    }
    for service in setup.others:
        text = service.command_line
        once = any(match["tool"] in {"kafka-topics", "kafka-configs", "kafka-acls"} for match in TOOL.finditer(text))
        stays = re.search(r"sleep infinity|tail -f|while true|console-consumer", text)
        if once and not stays and service.name not in awaited:
            yield Match(
                service.place,
                f"`docker compose up --wait` fails when {service.name} has done its work and ends",
                f"start without --wait, or let a service depend on {service.name} with {COMPLETED}",
            )


def _commands(service: Service) -> Iterator[tuple[tuple[str, ...], str, Place]]:
    """(keys, text, place) of what a service runs: its entrypoint, its command, its health check."""
    for key, part in (("entrypoint", service.entrypoint), ("command", service.command)):
        if part:
            yield (key,), part.text, part.place
    if service.health:
        yield ("healthcheck", "test"), service.health.command, service.health.place


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """(tool, its options) of a command, which may go on after a backslash at the end of a line."""
    text = re.sub(r"\\\r?\n", " ", text)
    for match in TOOL.finditer(text):
        yield match["tool"], ENDS.split(text[match.end() :], maxsplit=1)[0]


def _topics(service: Service, tools: tuple[str, ...]) -> Iterator[str]:
    for _key, text, _place in _commands(service):
        for tool, options in _calls(text):
            topic = TOPIC.search(options)
            if tool in tools and topic:
                yield topic["topic"]
