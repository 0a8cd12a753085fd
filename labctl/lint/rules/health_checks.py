"""Health checks that can't work."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labctl.lint.addresses import Where, destination, is_any, is_loopback
from labctl.lint.compose.model import HealthCheck
from labctl.lint.edit import ReplaceText, SetHealthCheck
from labctl.lint.images import APACHE, BITNAMI, CONFLUENT
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.rules.tools import BOOTSTRAP_OPTION, TOOL, TOOLS

DEV_TCP = re.compile(r"/dev/tcp/(?P<host>[^/\s]+)/(?P<port>\d+)")
JMX = re.compile(r"jmxremote\.port=")


@rule(
    "KAFKA-HEALTH-TOOL",
    "error",
    wrong="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, kafka-topics.sh --bootstrap-server localhost:9092 --list]
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list]
    """,
)
def health_tool(setup: Setup) -> Iterator[Match]:
    """The health check calls a tool that the image does not have at that place.

    apache/kafka has its tools in /opt/kafka/bin, which is not on PATH, with the ending .sh. cp-kafka has them on PATH
    without it, bitnami/kafka on PATH with it. The check fails with exit code 127: the container is never healthy.
    """
    for node in setup.nodes:
        health = node.service.health_check
        if not health:
            continue
        native = "kafka-native" in node.service.image
        for match in TOOL.finditer(health.command):
            if match["tool"] not in TOOLS or node.image not in {APACHE, CONFLUENT, BITNAMI}:
                continue
            wanted = _tool(node, match["tool"])
            path, suffix = match["path"] or "", match["suffix"] or ""
            if native:
                yield Match(
                    health.place,
                    f"apache/kafka-native has no {match['tool']}{suffix}, as it has no tools",
                    "use apache/kafka, or a check of the port",
                )
                break
            bare = not path and (node.image.tools or suffix != node.image.tool_suffix)
            foreign = path.startswith("/opt/bitnami") != (node.image is BITNAMI) and path.startswith("/opt/")
            confluent_path = path.startswith("/opt/") and node.image is CONFLUENT
            if "PATH=" not in health.command and (bare or foreign or confluent_path):
                yield Match(
                    health.place,
                    f"the health check fails with `not found`: {node.image.name} has no "
                    f"{path}{match['tool']}{suffix}{' on PATH' if not path else ''}",
                    f"write {wanted}",
                    (ReplaceText(node.name, ("healthcheck", "test"), match[0], wanted),),
                )
                break


@rule(
    "KAFKA-HEALTH-SHELL",
    "error",
    wrong="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, "echo > /dev/tcp/127.0.0.1/9092"]
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD, bash, -c, "echo > /dev/tcp/127.0.0.1/9092"]
    """,
)
def health_shell(setup: Setup) -> Iterator[Match]:
    """The health check needs bash and runs in sh.

    /dev/tcp is a feature of bash. CMD-SHELL uses /bin/sh, which is another shell in apache/kafka and bitnami/kafka.
    """
    for node in setup.nodes:
        health = node.service.health_check
        if not health or node.image not in {APACHE, BITNAMI} or "/dev/tcp" not in health.command:
            continue
        in_bash = "bash" in health.command
        in_sh = health.shell or health.words[:1] in {("sh",), ("/bin/sh",)}
        if in_sh and not in_bash:
            yield Match(
                health.place,
                "the health check uses /dev/tcp, which is bash's, in sh: it never succeeds",
                'write test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]',
                (SetHealthCheck(node.name, ("CMD", "bash", "-c", health.words[-1])),) if len(health.words) == 1 else (),
            )


@rule(
    "KAFKA-HEALTH-PROGRAM",
    "error",
    wrong="""
        services:
          broker:
            healthcheck:
              test: [CMD, curl, -f, "localhost:9092"]
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def health_program(setup: Setup) -> Iterator[Match]:
    """The health check asks Kafka over HTTP, or calls a program that the image does not have.

    Kafka does not speak HTTP: curl and wget can't succeed at its ports. kcat is in none of the images.
    """
    for node in setup.nodes:
        health = node.service.health_check
        if not health or node.image not in {APACHE, CONFLUENT, BITNAMI}:
            continue
        words = health.command.split()
        program = next((word for word in ("curl", "wget", "kcat", "kafkacat") if word in words), "")
        ports = {str(one.port) for one in node.listeners}
        asks_kafka = any(re.search(rf":{port}\b", health.command) for port in ports)
        if program in {"kcat", "kafkacat"} or (program and asks_kafka):
            why = "is not in the image" if program.startswith("k") else "speaks HTTP, and Kafka does not"
            yield Match(
                health.place,
                f"the health check can't succeed: {program} {why}",
                'write test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]',
            )


@rule(
    "KAFKA-HEALTH-ADDRESS",
    "error",
    wrong="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9999 --list]
    """,
    right="""
        services:
          broker:
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list]
    """,
)
def health_address(setup: Setup) -> Iterator[Match]:
    """The health check asks an address where the node does not listen.

    The check runs inside the container. The host's port is not there, and a listener that is bound to the container's
    name does not listen on localhost.
    """
    for node in setup.nodes:
        health = node.service.health_check
        if not health or not node.listeners_known or node.service.network_mode:
            continue
        for host, port in _asked(health):
            if not _is_itself(setup, host, node) or any(one.port is None for one in node.listeners):
                continue
            there = node.listener_at(port)
            if there is None and port not in _other_ports(node):
                listens = ", ".join(str(one.port) for one in node.listeners)
                yield Match(
                    health.place,
                    f"the health check asks {host}:{port}, and {node.name} listens on {listens}",
                    f"ask localhost:{node.listeners[0].port}",
                )
                break
            bound = there and not is_any(there.host) and not is_loopback(there.host)
            if there and bound and is_loopback(host):
                yield Match(
                    health.place,
                    f"the health check asks {host}:{port}, and {there.name} listens on {there.host} only",
                    f"ask {there.host}:{port}, or write {there.name}://:{port} in KAFKA_LISTENERS",
                )
                break


@rule(
    "KAFKA-HEALTH-JMX",
    "error",
    wrong="""
        services:
          broker:
            environment:
              JMX_PORT: 9999
            healthcheck:
              test: [CMD-SHELL, /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list]
    """,
    right="""
        services:
          broker:
            environment:
              JMX_PORT: 9999
            healthcheck:
              test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9092"]
    """,
)
def health_jmx(setup: Setup) -> Iterator[Match]:
    """Every tool in the container wants the JMX port that the broker already has.

    JMX_PORT, and a jmxremote.port in KAFKA_JMX_OPTS, are read by every tool of Kafka. It ends with `Port already in
    use`. So does each command that is run with docker exec.
    """
    for node in setup.nodes:
        health = node.service.health_check
        environment = node.service.environment
        options = environment.get("KAFKA_JMX_OPTS")
        by_options = bool(options and JMX.search(options.value or ""))
        given = "JMX_PORT" in environment or by_options
        tools = [match for match in TOOL.finditer(health.command) if match["tool"] in TOOLS] if health else []
        cleared = health and re.search(r"JMX_PORT=|unset\s+\S*JMX|KAFKA_JMX_OPTS=", health.command)
        if given and tools and health and not cleared:
            name = "JMX_PORT" if "JMX_PORT" in environment else "KAFKA_JMX_OPTS"
            yield Match(
                health.place,
                f"the health check's {tools[0]['tool']} opens the JMX port of {name} too, which the broker already has",
                f"unset it in the check: {name}= {tools[0][0]} …, or check the port",
            )


def _tool(node: KafkaNode, tool: str) -> str:
    """A tool as it is called in a node's image."""
    folder = f"{node.image.tools}/" if node.image.tools else ""
    return f"{folder}{tool}{node.image.tool_suffix}"


def _asked(health: HealthCheck) -> Iterator[tuple[str, int]]:
    """(host, port) that a health check connects to."""
    for match in BOOTSTRAP_OPTION.finditer(health.command):
        for server in match["servers"].split(","):
            host, _, port = server.rpartition(":")
            if port.isdigit():
                yield host, int(port)
    for match in DEV_TCP.finditer(health.command):
        yield match["host"], int(match["port"])
    words = health.command.split()
    if words[:1] in (["nc"], ["netcat"]) and len(words) > 2 and words[-1].isdigit():
        yield words[-2], int(words[-1])


def _is_itself(setup: Setup, host: str, node: KafkaNode) -> bool:
    found = destination(setup.stack, host, node.service)
    return found.where is Where.ITSELF or (found.where is Where.SERVICES and found.services == (node.service,))


def _other_ports(node: KafkaNode) -> set[int]:
    """Ports that a variable of the service mentions: JMX, exporters, agents."""
    text = " ".join(
        variable.value or "" for variable in node.service.environment.values() if "LISTENERS" not in variable.name
    )
    return {int(number) for number in re.findall(r"\b\d{4,5}\b", text)}
