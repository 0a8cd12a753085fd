"""What is in a YAML file: texts, maps and lists, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from labctl.errors import SpecError
from labctl.spec.yaml_text import yaml_nodes

MERGE_KEY = "<<"  # https://yaml.org/type/merge.html
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a file's name as the user gave it, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as Compose understands it; `value` is None where it is null. `tag` is a tag of Compose's, or ""."""

    value: str | None
    place: Place
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping. `places` has the place of each key."""

    items: dict[str, Tree]
    places: dict[str, Place]
    place: Place
    tag: str = ""


@dataclass(frozen=True, slots=True)
class List:
    """A sequence."""

    items: list[Tree]
    place: Place
    tag: str = ""


Tree: TypeAlias = Text | Map | List


@dataclass(slots=True)
class _Reader:
    """Makes a tree of ruamel.yaml's nodes. An alias stands for the same tree as its anchor."""

    file: str
    made: dict[int, Tree] = field(default_factory=dict)

    def read(self, node: Any) -> Tree:
        if id(node) not in self.made:
            self.made[id(node)] = self._make(node)
        return self.made[id(node)]

    def _make(self, node: Any) -> Tree:
        place, tag = self._place(node), str(node.tag or "")
        own = tag if tag.startswith("!") else ""
        if node.id == "mapping":
            return self._map(node, place, own)
        if node.id == "sequence":
            return List([self.read(item) for item in node.value], place, own)
        empty = tag == f"{TAG}null" and not node.style
        return Text(None if empty else _as_compose_writes(str(node.value), tag), place, own)

    def _map(self, node: Any, place: Place, tag: str) -> Map:
        items: dict[str, Tree] = {}
        places: dict[str, Place] = {}
        for key, value in self._merged(node):
            name = str(key.value)
            items[name], places[name] = self.read(value), self._place(key)
        return Map(items, places, place, tag)

    def _merged(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The pairs of a mapping, after those that `<<` merges into it; a key's last pair counts."""
        for key, value in node.value:
            if str(key.value) != MERGE_KEY:
                continue
            sources = value.value if value.id == "sequence" else [value]
            for source in reversed(sources):  # the first of a list wins
                if source.id != "mapping":
                    raise SpecError([f"{self._place(value)}: << merges mappings only"])
                yield from self._merged(source)
        yield from ((key, value) for key, value in node.value if str(key.value) != MERGE_KEY)

    def _place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def read_tree(text: str, file: str) -> Map:
    """Return what is in the YAML text of `file`. Raises SpecError where it is no YAML or no mapping."""
    nodes = yaml_nodes(text, file)
    if nodes is None:
        return Map({}, {}, Place(file, 1, 1))
    tree = _Reader(file).read(nodes)
    if not isinstance(tree, Map):
        raise SpecError([f"{tree.place}: a Compose file is a mapping with the key `services`"])
    return tree


def plain(tree: Tree) -> Any:
    """Return a tree as dictionaries, lists and texts, without places."""
    if isinstance(tree, Map):
        return {key: plain(value) for key, value in tree.items.items()}
    return [plain(item) for item in tree.items] if isinstance(tree, List) else tree.value


def _as_compose_writes(value: str, tag: str) -> str:
    """Compose passes True and TRUE on to a container as `true`; numbers stay as they are written."""
    return value.lower() if tag == f"{TAG}bool" else value
