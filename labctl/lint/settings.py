"""Settings of Kafka as an image makes them of its environment, and the parts of those that are lists."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.tree import Place

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


def malformed(setting: Setting | None) -> bool:
    """Return whether a list of endpoints has an entry that is none."""
    return bool(setting and not all(is_endpoint(entry) for entry in setting.entries))


def voter_list(setting: Setting) -> tuple[Voter, ...]:
    """Return the voters of a setting; nothing where one is malformed."""
    matches = [_VOTER.match(entry) for entry in setting.entries]
    return tuple(Voter(int(one["id"]), one["host"], port_of(one["port"])) for one in matches if one and all(matches))
