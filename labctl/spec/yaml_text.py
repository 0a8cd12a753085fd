"""YAML text -> a tree with positions -> plain data. Each is bounded: a hostile file ends with an error, and soon."""

from __future__ import annotations

from typing import Any

from labctl.errors import SpecError

LARGEST = 2**20  # characters of a lab.yaml
LONGEST = 300  # characters of a message
MOST_LEVELS = 50  # one inside another; lab.yaml has 6
MOST_VALUES = 50_000  # a few bytes of aliases can stand for billions of values


def parse_yaml(text: str, source: str) -> Any:
    """Return the tree of a YAML text, as ruamel.yaml reads it with positions; `source` is its name in messages.

    Raises SpecError where it is no YAML, or too large.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import MaxDepthExceededError
    from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    class Constructor(RoundTripConstructor):
        """Adds the position to errors of Python: int() of too many digits, the 99th day of a month."""

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except (ValueError, OverflowError) as error:
                text = str(error).partition("; use sys.")[0]  # advice for programmers
                raise ConstructorError(None, None, text, node.start_mark) from None

    if len(text) > LARGEST:
        raise SpecError([f"{source}:1:1: larger than {LARGEST:,} characters"])
    yaml = YAML(typ="rt")
    yaml.max_depth = MOST_LEVELS
    yaml.Constructor = Constructor
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        what = f"not YAML: {error.problem or error.context}"[:LONGEST]
        if isinstance(error, MaxDepthExceededError):
            what = f"more than {MOST_LEVELS} levels, one inside another"
        raise SpecError([f"{source}:{where}: {what}"]) from None
    except YAMLError as error:
        raise SpecError([f"{source}:1:1: not YAML: {error}"]) from None


def plain_data(tree: Any, source: str) -> Any:
    """Return the tree as dictionaries with texts as keys, lists, and values of Python; aliases are copied.

    Raises SpecError for too many values, or too many levels.
    """
    return _Copy(source).of(tree, 0)


class _Copy:
    def __init__(self, source: str) -> None:
        self._source = source
        self._values = 0

    def of(self, node: Any, level: int) -> Any:
        self._values += 1
        if level > MOST_LEVELS or self._values > MOST_VALUES:
            raise SpecError([f"{self._source}:1:1: more than {MOST_VALUES:,} values, or {MOST_LEVELS} levels"])
        if isinstance(node, dict):
            return {str(key): self.of(value, level + 1) for key, value in node.items()}
        if isinstance(node, list):
            return [self.of(value, level + 1) for value in node]
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return node if node is None else str(node)
