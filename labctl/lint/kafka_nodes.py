"""The Kafka nodes of a stack, and the settings that each image makes of its environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Service, Stack, Variable
from labctl.lint.images import APACHE, BITNAMI, WURSTMEISTER, KafkaImage, find_image, kafka_version
from labctl.lint.node import KafkaNode
from labctl.lint.settings import ADVERTISED, LISTENERS, Setting


def kafka_nodes(stack: Stack) -> tuple[KafkaNode, ...]:
    """Return the services of a stack that run Kafka nodes; one whose command starts something else is a tool."""
    return tuple(node for service in stack if (node := _node(service)))


def _node(service: Service) -> KafkaNode | None:
    image = find_image(service.image)
    if image is None or service.image.startswith("redpandadata/"):
        return None
    started_by = service.command_line
    if started_by and not any(run in started_by for run in image.runs) and image.runs:
        return None
    plain = not started_by or started_by in image.runs
    settings = dict(_settings(service, image, "" if plain else started_by))
    elsewhere = _elsewhere(service, image, plain=plain)
    if not elsewhere and not settings and image is APACHE:
        settings = {name: Setting(name, value, service.image_place) for name, value in image.whole.items()}
    defaults = {name: Setting(name, value, service.image_place) for name, value in image.defaults.items()}
    return KafkaNode(service, image, kafka_version(service.image), defaults | settings, elsewhere)


def _elsewhere(service: Service, image: KafkaImage, *, plain: bool) -> str:
    """What else than the environment may configure the node."""
    if service.unread:
        return service.unread
    if service.built:
        return "its image is built from a Dockerfile"
    if not plain:
        return "its command configures it"
    for mount in service.mounts:
        if mount.kind == "tmpfs":  # it is empty
            continue
        if mount.target.endswith(".properties") or any(
            mount.target == folder or mount.target.startswith(f"{folder}/") for folder in image.config_folders
        ):
            return f"{mount.target} is mounted"
    return ""


def _settings(service: Service, image: KafkaImage, script: str) -> Iterator[tuple[str, Setting]]:
    """The settings that the environment makes. A variable that the node's command names may change there."""
    for variable in service.environment.values():
        if variable.name in script:
            continue
        name = _setting_name(variable, image)
        value = variable.value or ""
        if image is WURSTMEISTER:  # its script puts in what a command of its own prints
            value = re.sub(r"_\{(HOSTNAME|PORT)_COMMAND\}", UNKNOWN, value)
        if name:
            yield name, Setting(name, value, variable.place, variable.name)
    if image is WURSTMEISTER:
        yield from _of_wurstmeister(service.environment)


def _setting_name(variable: Variable, image: KafkaImage) -> str:
    """The setting that an image makes of a variable; "" where it makes none."""
    name = variable.name
    if name in image.own_variables or not name.startswith("KAFKA_"):
        return ""
    if name.startswith(image.prefix):
        rest = name.removeprefix(image.prefix)
    elif name.removeprefix("KAFKA_") in image.aliases:
        rest = name.removeprefix("KAFKA_")
    else:
        return ""
    dotted = rest.lower().replace("_", ".")
    return dotted if image is BITNAMI else dotted.replace("...", "-").replace("..", "_")


def _of_wurstmeister(environment: Mapping[str, Variable]) -> Iterator[tuple[str, Setting]]:
    """What start-kafka.sh makes of the host and port of Kafka's time before listeners."""
    host = environment.get("KAFKA_ADVERTISED_HOST_NAME")
    if host and "KAFKA_ADVERTISED_LISTENERS" not in environment:
        port = environment.get("KAFKA_ADVERTISED_PORT")
        number = (port.value if port else None) or "9092"
        yield ADVERTISED, Setting(ADVERTISED, f"PLAINTEXT://{host.value}:{number}", host.place, host.name)
        own = environment.get("KAFKA_PORT")
        if "KAFKA_LISTENERS" not in environment:
            listens = f"PLAINTEXT://:{(own.value if own else None) or '9092'}"
            yield LISTENERS, Setting(LISTENERS, listens, host.place, "KAFKA_PORT")
