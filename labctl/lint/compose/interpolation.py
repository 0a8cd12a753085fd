"""Variables in a Compose file: $NAME, ${NAME}, ${NAME:-default}, ${NAME:?error}, ${NAME:+replacement}, $$.

Source: https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from labctl.lint.compose.tree import List, Map, Text, Tree

# Stands for a variable that is set nowhere: who starts the file may set it. Compose replaces it with nothing.
UNKNOWN = "\N{OBJECT REPLACEMENT CHARACTER}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_MOST_LEVELS = 20


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with the values of its variables, and UNKNOWN for each that `variables` does not have."""
    return _expand(text, variables, 0)


def interpolate_tree(tree: Tree, variables: Mapping[str, str]) -> Tree:
    """Return `tree` with the variables of all its texts replaced. Keys have no variables."""
    if isinstance(tree, Text):
        changes = tree.value is not None and "$" in tree.value
        return Text(interpolate(tree.value or "", variables), tree.place, tree.tag) if changes else tree
    if isinstance(tree, List):
        return List([interpolate_tree(item, variables) for item in tree.items], tree.place, tree.tag)
    items = {key: interpolate_tree(value, variables) for key, value in tree.items.items()}
    return Map(items, tree.places, tree.place, tree.tag)


def shown(text: str) -> str:
    """Return `text` for a message: an unknown variable as `${…}`."""
    return text.replace(UNKNOWN, "${…}")


def _expand(text: str, variables: Mapping[str, str], level: int) -> str:
    parts = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        rest = text[dollar + 1 :]
        braced = _closing(rest) if rest.startswith("{") else 0
        if rest.startswith("$"):
            parts.append("$")
            at = dollar + 2
        elif braced:
            parts.append(_variable(rest[1:braced], variables, level))
            at = dollar + 2 + braced
        elif name := _NAME.match(rest):
            parts.append(variables.get(name[0], UNKNOWN))
            at = dollar + 1 + name.end()
        else:  # Compose refuses it, and so starts nothing; here it stays what it is
            parts.append("$")
            at = dollar + 1
    parts.append(text[at:])
    return "".join(parts)


def _variable(inner: str, variables: Mapping[str, str], level: int) -> str:
    """The value of `${inner}`."""
    name = _NAME.match(inner)
    if not name or level > _MOST_LEVELS:
        return UNKNOWN
    value = variables.get(name[0])
    operator = _OPERATOR.match(inner, name.end())
    if not operator:
        return UNKNOWN if value is None else value
    is_set = bool(value) if operator[0].startswith(":") else value is not None
    other = inner[operator.end() :]
    if operator[0].endswith("+"):
        return _expand(other, variables, level + 1) if is_set else ""
    if is_set:
        return value or ""
    return _expand(other, variables, level + 1) if operator[0].endswith("-") else UNKNOWN


def _closing(text: str) -> int:
    """Where the brace that `text` begins with is closed; 0 where it is not."""
    depth = 0
    for at, character in enumerate(text):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return at
    return 0
