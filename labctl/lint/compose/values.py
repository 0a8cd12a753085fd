"""The values of a service that Compose accepts in several forms: ports, mounts, sizes, durations, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.merge import ITEM
from labctl.lint.compose.model import Command, Mount, Port
from labctl.lint.compose.tree import List, Map, Place, Text, Tree

MOST_PORTS = 1000  # of a range
_PORT = re.compile(
    r"^(?:(?P<address>\[[0-9a-fA-F:]+\]|\d+\.\d+\.\d+\.\d+|" + UNKNOWN + r"(?=:[^:]*:)):)?"
    r"(?:(?P<host>\d+(?:-\d+)?|" + UNKNOWN + r")?:)?(?P<container>\d+(?:-\d+)?)(?:/(?P<protocol>\w+))?$"
)
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$", re.IGNORECASE)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def text(tree: Tree | None) -> str:
    """Return a scalar's value; "" where it is missing, null, or no scalar."""
    return (tree.value or "") if isinstance(tree, Text) else ""


def texts(tree: Tree | None) -> list[str]:
    """Return the scalars of a list, or the one scalar."""
    if isinstance(tree, List):
        return [text(item) for item in tree.items]
    return [text(tree)] if text(tree) else []


def items(tree: Tree | None) -> list[Tree]:
    """Return the items of a list; nothing where it is none."""
    return tree.items if isinstance(tree, List) else []


def child(tree: Tree | None, key: str) -> Tree | None:
    """Return what is below `key` of a map; None where it is no map or has no such key."""
    return tree.items.get(key) if isinstance(tree, Map) else None


def read_port(tree: Tree) -> Iterator[Port]:
    """Yield the ports that an item of `ports` publishes."""
    if isinstance(tree, Map):
        host, container = text(child(tree, "published")), text(child(tree, "target"))
        address, protocol = text(child(tree, "host_ip")), text(child(tree, "protocol")) or "tcp"
    else:
        match = _PORT.match(text(tree).strip())
        if not match:
            yield Port(None, None, "", "tcp", tree.place)
            return
        host, container = match["host"] or "", match["container"]
        address, protocol = (match["address"] or "").strip("[]"), match["protocol"] or "tcp"
    inside, outside = _range(container), _range(host)
    if len(inside) != len(outside):  # any free port, one of a range, or unknown
        outside = [None] * len(inside)
    for container_port, host_port in zip(inside, outside, strict=True):
        yield Port(container_port, host_port, address, protocol, tree.place)


def read_mount(tree: Tree) -> Mount | None:
    """Return what an item of `volumes` mounts; None where it has no target."""
    if isinstance(tree, Map):
        kind, target = text(child(tree, "type")), text(child(tree, "target")).rstrip("/")
        mode = text(child(child(tree, "tmpfs"), "mode"))
        source = text(child(tree, "source"))
        known: Mount | None = Mount("bind", source, target, tree.place)
        if kind == "tmpfs":
            known = Mount("tmpfs", "", target, tree.place, _mode(mode))
        elif kind != "bind":
            known = Mount("volume", source, target, tree.place)
        return known if target else None
    parts = text(tree).split(":")
    if len(parts) > 2 and len(parts[0]) == 1 and parts[1].startswith(("\\", "/")):  # C:\folder:/target
        parts = [":".join(parts[:2]), *parts[2:]]
    source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    is_path = source.startswith((".", "/", "~", "\\", UNKNOWN)) or source[1:2] == ":"
    return Mount("bind" if is_path else "volume", source, target.rstrip("/"), tree.place) if target else None


def read_command(tree: Tree | None) -> Command | None:
    """Return a command's words; None where there is none."""
    if isinstance(tree, List):
        return Command(tuple(text(item) for item in tree.items), tree.place)
    line = re.sub(r"\\\r?\n", " ", text(tree))  # a line that goes on
    if not line or tree is None:
        return None
    try:
        return Command(tuple(shlex.split(line)), tree.place)
    except ValueError:  # an open quote
        return Command(tuple(line.split()), tree.place)


def read_size(value: str) -> int | None:
    """Return the bytes of a size such as 512m or 1.5gb; None where it is none."""
    match = _SIZE.match(value.strip())
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else None


def pairs(tree: Tree | None, separators: str = "=") -> Iterator[tuple[str, str | None, Place, bool]]:
    """Yield (name, value or None, place, whether it is a list's item) of a map, or of a list of NAME=VALUE."""
    if isinstance(tree, Map):
        for name, value in tree.items.items():
            yield name, value.value if isinstance(value, Text) else None, tree.places[name], value.tag == ITEM
    for item in tree.items if isinstance(tree, List) else ():
        name, separator, value_text = _split(text(item), separators)
        if name:
            yield name, value_text if separator else None, item.place, True


def _split(item: str, separators: str) -> tuple[str, str, str]:
    at = min((item.find(separator) for separator in separators if separator in item), default=-1)
    return (item, "", "") if at < 0 else (item[:at], item[at], item[at + 1 :])


def _range(ports: str) -> list[int | None]:
    first, _, last = ports.partition("-")
    if not first.isdigit():
        return [None]
    numbers = range(int(first), int(last if last.isdigit() else first) + 1)
    return list(numbers[:MOST_PORTS]) or [None]


def _mode(mode: str) -> int | None:
    """The permissions of a tmpfs; YAML writes an octal number as 0o1777, older files as 01777 or in decimal."""
    try:
        return int(mode, 8) if mode.startswith("0") and not mode.startswith("0o") else int(mode, 0)
    except ValueError:
        return None
