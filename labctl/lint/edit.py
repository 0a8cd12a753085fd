"""Changes of a Compose file that need no question: what a rule proposes, and `labctl lint --fix` makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Set a variable of a service's environment."""

    service: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RenameVariable:
    """Give a variable another name, and keep its value and its place."""

    service: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RemoveVariable:
    """Remove a variable from a service's environment."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class SetImage:
    """Replace a service's image."""

    service: str
    image: str


@dataclass(frozen=True, slots=True)
class SetPort:
    """Publish another port of the container at a port of the host."""

    service: str
    host: int
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class SetTarget:
    """Mount what is mounted at `old` at `new`."""

    service: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ReplaceText:
    """Replace a text below a key of a service, such as healthcheck, test: in a text, or in each item of a list."""

    service: str
    keys: tuple[str, ...]
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SetHealthCheck:
    """Replace the command of a service's health check by words."""

    service: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveService:
    """Remove a service, and what depends on it no longer does."""

    service: str


Edit: TypeAlias = (
    SetVariable
    | RenameVariable
    | RemoveVariable
    | SetImage
    | SetPort
    | SetTarget
    | ReplaceText
    | SetHealthCheck
    | RemoveService
)
