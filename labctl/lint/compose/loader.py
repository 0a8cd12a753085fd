"""Compose files -> Stack: reads what they name (.env, env_file, extends, include), merges them, reads each service."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from labctl.errors import SpecError
from labctl.lint.compose.interpolation import UNKNOWN, interpolate_tree
from labctl.lint.compose.merge import NOT_INHERITED, merged
from labctl.lint.compose.model import Stack
from labctl.lint.compose.service import read_service
from labctl.lint.compose.tree import Map, Place, Text, Tree, read_tree
from labctl.lint.compose.values import child, items, text, texts
from labctl.spec.text_file import read_text_file

MOST_FILES = 50  # that include and extends may lead to
DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")  # as Compose searches them
IGNORE = re.compile(r"#\s*labctl:\s*ignore((?:[\s,]+KAFKA-[A-Z0-9-]+)+)")


@dataclass(slots=True)
class _Files:
    """The files that are read, once each, with `variables` replaced."""

    variables: Mapping[str, str]
    given: Mapping[Path, str] = field(default_factory=dict)  # texts in place of those on the disk
    texts: dict[Path, str] = field(default_factory=dict)
    trees: dict[Path, Map] = field(default_factory=dict)
    names: dict[Path, str] = field(default_factory=dict)

    def tree(self, path: Path) -> Map:
        """Return what is in a file."""
        key = path.resolve()
        if key not in self.trees:
            if len(self.trees) >= MOST_FILES:
                raise SpecError([f"{path}: more than {MOST_FILES} files"])
            self.texts[key], self.names[key] = self.given.get(path) or read_text_file(path), str(path)
            tree = interpolate_tree(read_tree(self.texts[key], str(path)), self.variables)
            self.trees[key] = tree if isinstance(tree, Map) else Map({}, {}, Place(str(path), 1, 1))
        return self.trees[key]


def load_stack(paths: Sequence[Path], environment: Mapping[str, str], texts: Mapping[Path, str] | None = None) -> Stack:
    """Return the stack of Compose files, merged in their order; `environment` is that of the shell.

    `texts` replace what is in the files.

    Raises SpecError where one can't be read, or is no Compose file.
    """
    folder = paths[0].parent
    files = _Files(dotenv_values(folder / ".env") | dict(environment), texts or {})
    whole = Map({}, {}, Place(str(paths[0]), 1, 1))
    for path in paths:
        over = _with_included(path, files, ())
        result = merged(whole, over)
        whole = result if isinstance(result, Map) else whole
    services = child(whole, "services")
    if not isinstance(services, Map):
        hint = "a Compose file has the key `services`; name another: labctl lint FILE"
        raise SpecError([f"{paths[0]}:1:1: no services"], hint)
    found = {}
    for name, tree in services.items.items():
        if isinstance(tree, Map):
            environment_files = list(_environment_files(tree, folder))
            found[name] = read_service(name, services.places[name], tree, environment_files, files.variables)
    networks = child(whole, "networks")
    external = frozenset(
        name
        for name, tree in (networks.items.items() if isinstance(networks, Map) else ())
        if text(child(tree, "external")) == "true" or isinstance(child(tree, "external"), Map)
    )
    ignored = {files.names[path]: _ignored(content) for path, content in files.texts.items()}
    return Stack(tuple(map(str, paths)), text(child(whole, "name")), found, external, ignored)


def default_files(folder: Path) -> list[Path]:
    """Return the files that Compose would use in `folder`: the first of its names, and its override."""
    found = next((folder / name for name in DEFAULT_FILES if (folder / name).is_file()), None)
    if found is None:
        return []
    overrides = (folder / f"{found.stem}.override{ending}" for ending in (".yml", ".yaml"))
    return [found, *[path for path in overrides if path.is_file()][:1]]


def dotenv_values(path: Path) -> dict[str, str]:
    """Return what a file of NAME=VALUE lines sets; nothing where it can't be read."""
    from dotenv import dotenv_values as read

    logging.getLogger("dotenv.main").setLevel(logging.ERROR)  # lines that are no NAME=VALUE
    if not path.is_file():  # a pipe would wait for ever
        return {}
    try:
        content = read_text_file(path)
    except SpecError:
        return {}
    return {name: value for name, value in read(stream=StringIO(content)).items() if value is not None}


def _with_included(path: Path, files: _Files, within: tuple[Path, ...]) -> Map:
    """What is in a file, after what it includes, with the services that its own extend."""
    key = path.resolve()
    if key in within:
        raise SpecError([f"{path}: includes itself"])
    tree = files.tree(path)
    whole: Tree = Map({}, {}, tree.place)
    for entry in items(child(tree, "include")):
        for name in texts(child(entry, "path")) or texts(entry):
            if UNKNOWN not in name and (path.parent / name).is_file():
                whole = merged(whole, _with_included(path.parent / name, files, (*within, key))) or whole
    services = child(tree, "services")
    if isinstance(services, Map):
        extended = {name: _extended(path, name, files, ()) for name in services.items}
        services = Map(extended, services.places, services.place, services.tag)
        tree = Map({**tree.items, "services": services}, tree.places, tree.place)
    result = merged(whole, tree)
    return result if isinstance(result, Map) else tree


def _extended(path: Path, name: str, files: _Files, within: tuple[tuple[Path, str], ...]) -> Tree:
    """The service `name` of a file, merged into the one that it extends."""
    services = child(files.tree(path), "services")
    own = child(services, name)
    extends = child(own, "extends")
    if not isinstance(own, Map) or extends is None or not isinstance(services, Map):
        return own or Text(None, Place(str(path), 1, 1))
    if (path, name) in within:
        raise SpecError([f"{extends.place}: {name} extends itself"])
    base_name = text(child(extends, "service")) or text(extends)
    base_file = text(child(extends, "file"))
    base_path = path.parent / base_file if base_file else path
    if UNKNOWN in base_file + base_name or not base_path.is_file():
        return own
    base = _extended(base_path, base_name, files, (*within, (path, name)))
    if not isinstance(base, Map):
        return own
    kept = {key: value for key, value in base.items.items() if key not in NOT_INHERITED}
    result = merged(Map(kept, base.places, base.place), own)
    return result if isinstance(result, Map) else own


def _environment_files(service: Tree, folder: Path) -> Iterator[tuple[str, dict[str, tuple[str, int]] | None]]:
    """Yield (path, {name: (value, line)}) for each `env_file` of a service, or None where it can't be read."""
    entries = child(service, "env_file")
    for entry in items(entries) or ([entries] if entries is not None else []):
        name = text(child(entry, "path")) or text(entry)
        optional = text(child(entry, "required")) == "false"
        path = folder / name
        if UNKNOWN in name or not path.is_file():
            if not optional:
                yield name, None
            continue
        yield str(path), _environment_file(path)


def _environment_file(path: Path) -> dict[str, tuple[str, int]]:
    from dotenv.parser import parse_stream

    values = dotenv_values(path)
    lines = {
        binding.key: binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
        for binding in parse_stream(StringIO(read_text_file(path)))
        if binding.key
    }
    return {name: (value, lines.get(name, 1)) for name, value in values.items()}


def _ignored(content: str) -> dict[int, frozenset[str]]:
    """{line: rules} of the comments `# labctl: ignore KAFKA-…`; one on a line of its own is about the next line.

    Line 0: one above everything else is about the whole file.
    """
    found: dict[int, frozenset[str]] = {}
    begun = False
    for number, line in enumerate(content.splitlines(), 1):
        match = IGNORE.search(line)
        alone = line.lstrip().startswith("#")
        if match:
            about = (number + 1 if begun else 0) if alone else number
            found[about] = found.get(about, frozenset()) | frozenset(re.findall(r"KAFKA-[A-Z0-9-]+", match[1]))
        begun = begun or bool(line.strip() and not alone)
    return found
