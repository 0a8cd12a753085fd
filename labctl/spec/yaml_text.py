"""YAML text -> plain data, and the place of each key. Both are bounded: a hostile file ends with an error, and soon."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labctl.errors import SpecError
from labctl.spec.text_file import LARGEST

if TYPE_CHECKING:
    from labctl.spec.model import KeyPath

LARGEST_NUMBER = 2**63
LONGEST = 300  # characters of a message
MOST_LEVELS = 50  # one inside another; lab.yaml has 6
MOST_VALUES = 50_000  # a few bytes of aliases can stand for billions of values


class YamlFile:
    """What is in a YAML file: `data` has dictionaries with texts as keys, lists, and values of Python.

    `nodes` is ruamel.yaml's tree, which has the places. Aliases are copied.
    """

    def __init__(self, data: Any, nodes: Any) -> None:
        self.data = data
        self._nodes = nodes
        self._children: dict[int, dict[str | int, tuple[Any, Any]]] = {}

    def position(self, path: KeyPath) -> tuple[int, int]:
        """Return line and column (from 1) of the key or list item at `path`, or of its nearest parent in the file."""
        node, where = self._nodes, self._nodes and self._nodes.start_mark
        for step in path:
            if id(node) not in self._children:
                self._children[id(node)] = _children(node)
            found = self._children[id(node)].get(step)
            if found is None:  # a key that is missing, or that `<<` merged from elsewhere
                break
            where, node = found
        return (where.line + 1, where.column + 1) if where else (1, 1)


def read_yaml(text: str, source: str) -> YamlFile:
    """Return what is in a YAML text; `source` is its name in messages.

    Raises SpecError where it is no YAML, or too large.
    """
    from ruamel.yaml.constructor import ConstructorError, SafeConstructor

    class Constructor(SafeConstructor):
        """Adds the place to errors of Python: int() of too many digits, the 99th day of a month."""

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                value = super().construct_object(node, deep)
                _require_usual(value)
            except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
                text = str(error).partition("; use sys.")[0]  # advice for programmers
                what = text if isinstance(error, ValueError) else "this value can't be read"
                raise ConstructorError(None, None, what, node.start_mark) from None
            return value

    with _errors_of(source):
        yaml = _parser()
        yaml.Constructor = Constructor
        nodes = _compose(yaml, text, source)
        return YamlFile(_plain(yaml.constructor.construct_document(nodes) if nodes else None), nodes)


def yaml_nodes(text: str, source: str) -> Any:
    """Return ruamel.yaml's tree of a YAML text, None where it is empty: scalars as they are written, with their places.

    Raises SpecError where it is no YAML, or too large. `source` is its name in messages.
    """
    with _errors_of(source):
        return _compose(_parser(), text, source)


def _parser() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MOST_LEVELS
    return yaml


def _compose(yaml: Any, text: str, source: str) -> Any:
    if len(text) > LARGEST:
        raise SpecError([f"{source}:1:1: larger than {LARGEST:,} characters"])
    with warnings.catch_warnings(action="ignore"):  # of an anchor that is used twice
        nodes = yaml.compose(text)
    _Limit(source).require(nodes, 0)  # `<<` multiplies what it merges while values are made
    return nodes


@contextmanager
def _errors_of(source: str) -> Iterator[None]:
    """Raise ruamel.yaml's errors as SpecError with their place."""
    from ruamel.yaml.composer import MaxDepthExceededError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        yield
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        what = f"not YAML: {error.problem or error.context}"[:LONGEST]
        if isinstance(error, MaxDepthExceededError):
            what = f"more than {MOST_LEVELS} levels, one inside another"
        raise SpecError([f"{source}:{where}: {what}"]) from None
    except YAMLError as error:
        raise SpecError([f"{source}:1:1: not YAML: {error}"[:LONGEST]]) from None


def _children(node: Any) -> dict[str | int, tuple[Any, Any]]:
    """{key or number: (its place, node)} of the children of a node."""
    value = getattr(node, "value", None)
    found: dict[str | int, tuple[Any, Any]] = {}
    for number, child in enumerate(value if isinstance(value, list) else ()):
        key, inner = (str(child[0].value), child[1]) if isinstance(child, tuple) else (number, child)
        found[key] = (child[0] if isinstance(child, tuple) else child).start_mark, inner
    return found


def _require_usual(value: Any) -> None:
    """Raise ValueError for what JSON, Java and files can't have: a huge number, half a character."""
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError("a number of more than 64 bits")
    if isinstance(value, str):
        value.encode()


class _Limit:
    """Counts nodes as often as aliases stand for them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = 0

    def require(self, node: Any, level: int) -> None:
        """Raise SpecError where there are too many values or levels."""
        self._nodes += 1
        if level > MOST_LEVELS or self._nodes > MOST_VALUES:
            raise SpecError([f"{self._source}:1:1: more than {MOST_VALUES:,} values, or {MOST_LEVELS} levels"])
        value = getattr(node, "value", None)
        for child in value if isinstance(value, list) else ():
            for part in child if isinstance(child, tuple) else (child,):
                self.require(part, level + 1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
