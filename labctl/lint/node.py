"""A service that runs a Kafka node: the settings that its image makes of its environment, its listeners and voters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Service, Stack, Variable
from labctl.lint.compose.tree import Place
from labctl.lint.edit import SetVariable
from labctl.lint.images import APACHE, BITNAMI, WURSTMEISTER, KafkaImage, Version, find_image, kafka_version

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_ENDPOINT = re.compile(r"^(?P<name>[\w.-]+)://(?P<host>\[[^\]]*\]|[^:/\[\]]*):(?P<port>[^:/]+)$")
_VOTER = re.compile(r"^(?P<id>\d+)@(?P<host>\[[^\]]*\]|[^:@\[\]]+):(?P<port>[^:]+)$")
ADVERTISED = "advertised.listeners"
LISTENERS = "listeners"
MAP = "listener.security.protocol.map"
ROLES = "process.roles"
VOTERS = "controller.quorum.voters"
CONTROLLER_NAMES = "controller.listener.names"
INTER_BROKER = "inter.broker.listener.name"
OFFSETS_RF = "offsets.topic.replication.factor"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of Kafka, and the variable that makes it; "" where it is a default of the image."""

    name: str
    value: str
    place: Place
    variable: str = ""

    @property
    def known(self) -> bool:
        """Whether no part of its value is unknown."""
        return UNKNOWN not in self.value

    @property
    def entries(self) -> tuple[str, ...]:
        """The parts of a list."""
        return tuple(part for item in self.value.split(",") if (part := item.strip()))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """NAME://HOST:PORT; a port of None is unknown."""

    name: str
    host: str
    port: int | None
    place: Place

    def __str__(self) -> str:
        return f"{self.name}://{self.host}:{'${…}' if self.port is None else self.port}"


@dataclass(frozen=True, slots=True)
class Voter:
    """ID@HOST:PORT of controller.quorum.voters."""

    id: int
    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.id}@{self.host}:{self.port}"


@dataclass(frozen=True, eq=False)
class KafkaNode:
    """A node. `elsewhere` says what configures it besides its environment, or "" where nothing does."""

    service: Service
    image: KafkaImage
    version: Version | None
    settings: Mapping[str, Setting]
    elsewhere: str

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def complete(self) -> bool:
        """Whether what its settings lack is lacking: nothing else supplies it, and the image's defaults are known."""
        return not self.elsewhere and self.image.known

    def get(self, setting: str) -> Setting | None:
        """Return a setting that is known; None where it is missing or has an unknown part."""
        found = self.settings.get(setting)
        return found if found and found.known else None

    def value(self, setting: str, otherwise: str = "") -> str:
        """Return the value of a setting that is known."""
        found = self.get(setting)
        return found.value.strip() if found else otherwise

    def place(self, *settings: str) -> Place:
        """Return where the first of these settings is written; else where the service is."""
        return next((found.place for name in settings if (found := self.settings.get(name))), self.service.place)

    def variable(self, setting: str) -> str:
        """Return the variable that makes a setting, as people write it for this image."""
        found = self.settings.get(setting)
        if found and found.variable:
            return found.variable
        return self.image.prefix + setting.upper().replace("_", "__").replace("-", "___").replace(".", "_")

    def set(self, setting: str, value: str) -> SetVariable:
        """Return the change that gives a setting a value."""
        return SetVariable(self.name, self.variable(setting), value)

    def set_endpoint(self, setting: str, changed: Endpoint) -> tuple[SetVariable, ...]:
        """Return the change of one endpoint in a list of them; nothing where the list has an unknown part."""
        given = self.get(setting)
        if not given or changed.port is None:
            return ()
        own = [entry if not entry.upper().startswith(f"{changed.name}:") else str(changed) for entry in given.entries]
        return (self.set(setting, ",".join(own)),)

    def is_at_least(self, version: Version) -> bool:
        """Return whether its Kafka is known to be `version` or newer."""
        return self.version is not None and self.version >= version

    @cached_property
    def roles(self) -> frozenset[str]:
        """broker, controller; empty in ZooKeeper's mode, or where they are unknown."""
        setting = self.get(ROLES)
        return frozenset(setting.entries) if setting else frozenset()

    @property
    def is_broker(self) -> bool:
        """Whether clients use it. A node of ZooKeeper's era is a broker."""
        return "broker" in self.roles or (not self.roles and ROLES not in self.settings)

    @property
    def is_controller(self) -> bool:
        """Whether it is a controller of KRaft."""
        return "controller" in self.roles

    @property
    def uses_zookeeper(self) -> bool:
        """Whether it is configured for ZooKeeper."""
        return "zookeeper.connect" in self.settings and ROLES not in self.settings

    @cached_property
    def node_id(self) -> int | None:
        """Its node id, or None where it is unknown."""
        value = self.value("node.id") or self.value("broker.id")
        return int(value) if value.isdigit() else None

    @cached_property
    def listeners(self) -> tuple[Endpoint, ...]:
        """What it listens on. The images of Apache and Confluent derive it from what it advertises."""
        if LISTENERS in self.settings:
            return endpoints(self.settings[LISTENERS])
        if self.image.derives_listeners and ADVERTISED in self.settings and self.roles != {"controller"}:
            return tuple(Endpoint(one.name, "", one.port, one.place) for one in endpoints(self.settings[ADVERTISED]))
        return ()

    @cached_property
    def listeners_known(self) -> bool:
        """Whether `listeners` has all that it listens on."""
        given = self.settings.get(LISTENERS) or self.settings.get(ADVERTISED)
        certain = self.complete or LISTENERS in self.settings
        return bool(given and given.known and certain and self.listeners)

    @cached_property
    def advertised(self) -> tuple[Endpoint, ...]:
        """What it advertises; else its listeners, without the controller's."""
        if ADVERTISED in self.settings:
            return endpoints(self.settings[ADVERTISED])
        return tuple(one for one in self.listeners if one.name not in self.controller_names)

    @cached_property
    def controller_names(self) -> tuple[str, ...]:
        """The names of the controller's listeners. Kafka compares them as they are; those of listeners in capitals."""
        setting = self.get(CONTROLLER_NAMES)
        return setting.entries if setting else ()

    @cached_property
    def protocols(self) -> Mapping[str, str]:
        """The security protocol of each listener."""
        setting = self.settings.get(MAP)
        if setting is None:
            given = {name: name for name in PROTOCOLS}
            return given | dict.fromkeys((name for name in self.controller_names if name not in given), "PLAINTEXT")
        split = (entry.rpartition(":") for entry in setting.entries)
        return {name.strip().upper(): protocol.strip().upper() for name, _, protocol in split}

    @cached_property
    def inter_broker(self) -> str:
        """The name of the listener between brokers."""
        name = self.value(INTER_BROKER).upper()
        if name:
            return name
        return self.value("security.inter.broker.protocol", "PLAINTEXT").upper()

    @cached_property
    def voters(self) -> tuple[Voter, ...]:
        """The voters that it knows; nothing where one is malformed or unknown."""
        setting = self.get(VOTERS)
        matches = [_VOTER.match(entry) for entry in setting.entries] if setting else []
        if not all(matches):
            return ()
        return tuple(Voter(int(one["id"]), one["host"], port_of(one["port"])) for one in matches if one)

    def listener(self, name: str) -> Endpoint | None:
        """Return the listener called `name`."""
        return next((one for one in self.listeners if one.name == name), None)

    def listener_at(self, port: int | None) -> Endpoint | None:
        """Return the listener on a port of the container."""
        return next((one for one in self.listeners if one.port == port is not None), None)

    def advertised_as(self, name: str) -> Endpoint | None:
        """Return what clients of the listener `name` are sent to."""
        return next((one for one in self.advertised if one.name == name), None)


def kafka_nodes(stack: Stack) -> tuple[KafkaNode, ...]:
    """Return the services of a stack that run Kafka nodes; one whose command starts something else is a tool."""
    return tuple(node for service in stack if (node := _node(service)))


def endpoints(setting: Setting) -> tuple[Endpoint, ...]:
    """Return the endpoints of a setting; what is malformed is left out."""
    matches = (_ENDPOINT.match(entry) for entry in setting.entries)
    return tuple(
        Endpoint(one["name"].upper(), one["host"].strip("[]"), port_of(one["port"]), setting.place)
        for one in matches
        if one
    )


def is_endpoint(entry: str) -> bool:
    """Return whether `entry` is NAME://HOST:PORT."""
    match = _ENDPOINT.match(entry)
    return bool(match and (match["port"].isdigit() or UNKNOWN in match["port"]))


def is_voter(entry: str) -> bool:
    """Return whether `entry` is ID@HOST:PORT."""
    match = _VOTER.match(entry)
    return bool(match and (match["port"].isdigit() or UNKNOWN in match["port"]))


def port_of(value: str) -> int | None:
    """Return a port; None where it is unknown."""
    return int(value) if value.isdigit() else None


def _node(service: Service) -> KafkaNode | None:
    image = find_image(service.image)
    if image is None or service.image.startswith("redpandadata/"):
        return None
    started_by = " ".join(part.text for part in (service.entrypoint, service.command) if part)
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
