"""What a rule is, what it examines, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from textwrap import dedent
from typing import Literal, NamedTuple

from labctl.lint.compose.model import Service, Stack
from labctl.lint.compose.tree import Place
from labctl.lint.edit import Edit
from labctl.lint.kafka_nodes import kafka_nodes
from labctl.lint.node import KafkaNode

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")


@dataclass(frozen=True, eq=False)
class Setup:
    """What the rules examine: a stack and its Kafka nodes."""

    stack: Stack

    @cached_property
    def nodes(self) -> tuple[KafkaNode, ...]:
        """The nodes."""
        return kafka_nodes(self.stack)

    @cached_property
    def brokers(self) -> tuple[KafkaNode, ...]:
        """The nodes that clients use."""
        return tuple(node for node in self.nodes if node.is_broker)

    @cached_property
    def others(self) -> tuple[Service, ...]:
        """The services that run no Kafka node."""
        names = {node.name for node in self.nodes}
        return tuple(service for service in self.stack if service.name not in names)

    def node(self, name: str) -> KafkaNode | None:
        """Return the node of the service `name`."""
        return next((node for node in self.nodes if node.name == name), None)

    def beside(self, node: KafkaNode) -> list[KafkaNode]:
        """Return the other nodes that may run at once with `node`."""
        return [one for one in self.nodes if one is not node and one.service.may_run_with(node.service)]

    def earlier(self, node: KafkaNode) -> list[KafkaNode]:
        """Return those of `beside` that come before `node`: of two nodes the later one has the finding."""
        return [one for one in self.nodes[: self.nodes.index(node)] if one.service.may_run_with(node.service)]


class Match(NamedTuple):
    """What a rule found: where, what is wrong, what to do, and the changes that do it, where they need no question."""

    place: Place
    cause: str
    fix: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its function yields what is wrong with a setup.

    `title` and `why` are the first sentence and the rest of the function's docstring. `wrong` and `right` are Compose
    files, merged over the complete one of docs/lint, with and without the fault. `versions` says for which versions of
    Kafka it holds.
    """

    id: str
    level: Level
    find: Callable[[Setup], Iterable[Match]]
    title: str
    why: str
    wrong: str
    right: str
    versions: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in a file, and the changes that `--fix` makes."""

    rule: str
    level: Level
    place: Place
    cause: str
    fix: str
    edits: tuple[Edit, ...] = ()


def rule(
    name: str, level: Level, *, wrong: str, right: str, versions: str = "all"
) -> Callable[[Callable[[Setup], Iterator[Match]]], Rule]:
    """Return the decorator that makes a rule of a function with a docstring."""

    def decorated(find: Callable[[Setup], Iterator[Match]]) -> Rule:
        title, _, why = (find.__doc__ or "").strip().partition("\n")
        paragraphs = "\n".join(line.strip() for line in why.strip().splitlines())
        return Rule(
            name, level, find, title.strip(), paragraphs, dedent(wrong).strip(), dedent(right).strip(), versions
        )

    return decorated
