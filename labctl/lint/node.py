"""A service that runs a Kafka node: its settings, its listeners and voters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from labctl.lint.compose.model import Port, Service
from labctl.lint.compose.tree import Place
from labctl.lint.edit import SetVariable
from labctl.lint.images import KafkaImage, Version
from labctl.lint.settings import (
    ADVERTISED,
    CONTROLLER_NAMES,
    INTER_BROKER,
    LISTENERS,
    MAP,
    PROTOCOLS,
    ROLES,
    VOTERS,
    Endpoint,
    Setting,
    Voter,
    endpoints,
    voter_list,
)


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
        if self.complete and ADVERTISED not in self.settings:
            return (Endpoint("PLAINTEXT", "", 9092, self.service.place),)  # Kafka's own default
        return ()

    @cached_property
    def listeners_known(self) -> bool:
        """Whether `listeners` has all that it listens on."""
        given = self.settings.get(LISTENERS) or self.settings.get(ADVERTISED)
        certain = self.complete or LISTENERS in self.settings
        return bool((given.known if given else self.complete) and certain and self.listeners)

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
        return voter_list(setting) if setting else ()

    def listener(self, name: str) -> Endpoint | None:
        """Return the listener called `name`."""
        return next((one for one in self.listeners if one.name == name), None)

    def listener_at(self, port: int | None) -> Endpoint | None:
        """Return the listener on a port of the container."""
        return next((one for one in self.listeners if one.port == port is not None), None)

    def published(self, listener: Endpoint) -> Port | None:
        """Return what publishes the port of a listener."""
        return next((port for port in self.service.ports if port.container == listener.port is not None), None)

    def advertised_as(self, name: str) -> Endpoint | None:
        """Return what clients of the listener `name` are sent to."""
        return next((one for one in self.advertised if one.name == name), None)
