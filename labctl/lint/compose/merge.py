"""Merging services as Compose does: of several files, and by `extends`.

Source: https://docs.docker.com/reference/compose-file/merge/
"""

from __future__ import annotations

from labctl.lint.compose.tree import List, Map, Place, Text, Tree

RESET, OVERRIDE = "!reset", "!override"
ITEM = "item"  # the tag of a value that was an item NAME=VALUE of a list: quotes in it are part of the value
REPLACED = {"command", "entrypoint", "test"}  # lists that are replaced as a whole
NAMED = {"environment": "=", "labels": "=", "extra_hosts": ":=", "sysctls": "="}  # lists of NAME=VALUE
KEYED = {"depends_on", "networks", "configs", "secrets"}  # lists of names
NOT_INHERITED = {"depends_on", "links", "volumes_from"}  # by `extends`, until Compose 2.24 and some of them later


def merged(base: Tree | None, over: Tree, key: str = "") -> Tree | None:
    """Return `over` merged into `base`, both below `key`; None where `over` removes it."""
    if over.tag == RESET:
        return None
    if base is None or over.tag == OVERRIDE:
        return over
    base, over = _comparable(base, key), _comparable(over, key)
    if isinstance(base, Map) and isinstance(over, Map):
        return _merged_maps(base, over)
    if isinstance(base, List) and isinstance(over, List) and key not in REPLACED:
        return List([*base.items, *over.items], over.place)
    return over if not (isinstance(over, Text) and over.value is None) or isinstance(base, Text) else base


def _merged_maps(base: Map, over: Map) -> Map:
    items, places = dict(base.items), dict(base.places)
    for key, value in over.items.items():
        result = merged(items.get(key), value, key)
        if result is None:
            items.pop(key, None)
            places.pop(key, None)
        else:
            items[key], places[key] = result, over.places[key]
    return Map(items, places, over.place, base.tag)


def _comparable(tree: Tree, key: str) -> Tree:
    """A list as the map that it stands for, so that it can be merged with a map."""
    if not isinstance(tree, List) or key not in NAMED.keys() | KEYED:
        return tree
    items: dict[str, Tree] = {}
    places: dict[str, Place] = {}
    for item in tree.items:
        if not isinstance(item, Text):
            continue
        name, value = item.value or "", None
        if key in NAMED:
            at = min((name.find(separator) for separator in NAMED[key] if separator in name), default=len(name))
            value = name[at + 1 :] if at < len(name) else None
            name = name[:at]
        items[name], places[name] = Text(value, item.place, ITEM), item.place
    return Map(items, places, tree.place)
