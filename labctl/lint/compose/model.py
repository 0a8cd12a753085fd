"""A Compose file, merged and read: services with what matters to Kafka, each value with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from labctl.lint.compose.tree import Place

DEFAULT_NETWORK = "default"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a service's environment. A value of None comes from the shell that starts Compose."""

    name: str
    value: str | None
    place: Place
    list_item: bool = False  # NAME=VALUE as an item of a list, where quotes are part of the value


@dataclass(frozen=True, slots=True)
class Port:
    """A published port. None: unknown, or for `host` any free one."""

    container: int | None
    host: int | None
    address: str
    protocol: str
    place: Place


@dataclass(frozen=True, slots=True)
class Mount:
    """Something mounted into a service. `source` is a volume's name or a path; `mode` is that of a tmpfs."""

    kind: Literal["volume", "bind", "tmpfs", "config"]
    source: str
    target: str
    place: Place
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry of depends_on."""

    service: str
    condition: str
    place: Place


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A service's health check: its command's words, after CMD or CMD-SHELL."""

    words: tuple[str, ...]
    shell: bool
    disabled: bool
    place: Place

    @property
    def command(self) -> str:
        """The command in one line."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Limit:
    """A memory limit in bytes."""

    bytes: int
    place: Place


@dataclass(frozen=True, slots=True)
class Command:
    """The words of a service's command or entrypoint."""

    words: tuple[str, ...]
    place: Place

    @property
    def text(self) -> str:
        """The command in one line."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service. `unread` says what of it is supplied by something that can't be read, or ""."""

    name: str
    place: Place
    image: str
    image_place: Place
    built: bool
    environment: Mapping[str, Variable]
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]
    networks: Mapping[str, tuple[str, ...]]  # aliases and fixed addresses on each
    network_mode: str
    depends_on: Mapping[str, Dependency]
    command: Command | None
    entrypoint: Command | None
    health: HealthCheck | None
    memory: Limit | None
    container_name: str
    hostname: str
    other_names: tuple[str, ...]  # that this service resolves itself: links, extra_hosts
    profiles: frozenset[str]
    user: str
    replicas: int
    unread: str = ""

    @property
    def command_line(self) -> str:
        """What it runs besides its image, in one line: its entrypoint and its command; "" where neither is given."""
        return " ".join(part.text for part in (self.entrypoint, self.command) if part)

    @property
    def on_host_network(self) -> bool:
        """Whether its localhost is the host's."""
        return self.network_mode == "host"

    @property
    def health_check(self) -> HealthCheck | None:
        """Its health check, where it has one with a command."""
        return self.health if self.health and not self.health.disabled and self.health.words else None

    def may_run_with(self, other: Service) -> bool:
        """Return whether both can run at once: a service without a profile always does."""
        return not self.profiles or not other.profiles or bool(self.profiles & other.profiles)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """What `docker compose` would start. `external_networks` may have containers that the files don't name."""

    files: tuple[str, ...]
    name: str
    services: Mapping[str, Service]
    external_networks: frozenset[str]
    ignored: Mapping[str, Mapping[int, frozenset[str]]] = field(default_factory=dict)  # by file, line: ids of rules

    def __iter__(self) -> Iterator[Service]:
        return iter(self.services.values())
