"""YAML text -> plain data, and the place of each key. Both are bounded: a hostile file ends with an error, and soon."""

from __future__ import annotations

from typing import Any

from labctl.errors import SpecError
from labctl.spec.model import KeyPath

LARGEST = 2**20  # characters of a lab.yaml
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
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import MaxDepthExceededError
    from ruamel.yaml.constructor import ConstructorError, SafeConstructor
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    class Constructor(SafeConstructor):
        """Adds the place to errors of Python: int() of too many digits, the 99th day of a month."""

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except (ValueError, OverflowError) as error:
                text = str(error).partition("; use sys.")[0]  # advice for programmers
                raise ConstructorError(None, None, text, node.start_mark) from None

    if len(text) > LARGEST:
        raise SpecError([f"{source}:1:1: larger than {LARGEST:,} characters"])
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MOST_LEVELS
    yaml.Constructor = Constructor
    try:
        nodes = yaml.compose(text)
        data = yaml.constructor.construct_document(nodes) if nodes else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        what = f"not YAML: {error.problem or error.context}"[:LONGEST]
        if isinstance(error, MaxDepthExceededError):
            what = f"more than {MOST_LEVELS} levels, one inside another"
        raise SpecError([f"{source}:{where}: {what}"]) from None
    except YAMLError as error:
        raise SpecError([f"{source}:1:1: not YAML: {error}"[:LONGEST]]) from None
    return YamlFile(_Copy(source).of(data, 0), nodes)


def _children(node: Any) -> dict[str | int, tuple[Any, Any]]:
    """{key or number: (its place, node)} of the children of a node."""
    value = getattr(node, "value", None)
    found: dict[str | int, tuple[Any, Any]] = {}
    for number, child in enumerate(value if isinstance(value, list) else ()):
        key, inner = (str(child[0].value), child[1]) if isinstance(child, tuple) else (number, child)
        found[key] = (child[0] if isinstance(child, tuple) else child).start_mark, inner
    return found


class _Copy:
    def __init__(self, source: str) -> None:
        self._source = source
        self._values = 0

    def of(self, value: Any, level: int) -> Any:
        self._values += 1
        if level > MOST_LEVELS or self._values > MOST_VALUES:
            raise SpecError([f"{self._source}:1:1: more than {MOST_VALUES:,} values, or {MOST_LEVELS} levels"])
        if isinstance(value, dict):
            return {str(key): self.of(inner, level + 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, level + 1) for inner in value]
        return value if value is None or isinstance(value, bool | int | float | str) else str(value)
