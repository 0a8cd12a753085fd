"""Reading lab.yaml: YAML with positions, and pydantic's errors in the words of lab.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from labctl.errors import SpecError
from labctl.spec.formats import lab_name
from labctl.spec.model import KeyPath, LabSpec, Problem
from labctl.spec.plugin_paths import with_plugin_paths
from labctl.spec.record_files import record_file_problems, with_record_paths
from labctl.spec.rules import validate
from labctl.spec.text_file import read_text_file
from labctl.spec.yaml_text import read_yaml

CURRENT_FOLDER = Path()
MOST_REPORTED = 50  # problems
LONGEST = 300  # characters of a key, or of what is wrong with it
MOST_ROUNDS = 20  # removing what is wrong and validating the rest: pydantic reports one level at a time


def checked_name(name: str) -> str:
    """Return `name` where it is a valid name of a lab. Raises SpecError."""
    try:
        return lab_name(name)
    except ValueError as error:
        raise SpecError([f"--name {name}: {error}"]) from None


def with_overrides(
    spec: LabSpec,
    *,
    name: str | None = None,
    runtime: str | None = None,
    ports: str | None = None,
    kafka: str | None = None,
    timeout: int | None = None,
    checks: str | None = None,
    trusted: bool = False,
) -> LabSpec:
    """Return `spec` with the values of the command line in place of its own; `trusted` as for `load_spec`.

    Raises SpecError.
    """
    data = spec.model_dump()
    given = {"name": name, "runtime": runtime, "timeout": timeout, "checks": checks}
    data |= {key: value for key, value in given.items() if value is not None}
    if ports:
        data["listeners"]["external"]["port"] = data["ui"]["port"] = ports
        for service in filter(None, data["services"].values()):
            service["port"] = ports
    if kafka is not None:
        data["kafka"]["version"] = kafka
    try:
        changed = LabSpec.model_validate(data)
    except ValidationError as error:
        problems = [("kafka" if "kafka" in path else path[-1], what) for path, what in _reworded(error, data)]
        raise SpecError([f"--{option}: {what}" for option, what in problems]) from None
    wrong = validate(changed, trusted=trusted)
    if wrong:
        raise SpecError([f"{_dotted(path)}: {what}" for path, what in wrong])
    return changed


def load_spec(path: Path, *, trusted: bool = False) -> LabSpec:
    """Read lab.yaml and return its spec; with `trusted` it may have settings that load code or read files.

    Raises SpecError with all problems, each `FILE:LINE:COLUMN: key: what is wrong`.
    """
    text = read_text_file(path, "`labctl init` writes one")
    return parse_spec(text, str(path), trusted=trusted, folder=path.parent)


def parse_spec(text: str, source: str = "lab.yaml", *, trusted: bool = False, folder: Path = CURRENT_FOLDER) -> LabSpec:
    """Read the text of a lab.yaml and return its spec; `source` is its name in messages, `trusted` as for `load_spec`.

    The files that it names are in `folder`. Raises SpecError.
    """
    file = read_yaml(text, source)
    data = {} if file.data is None else file.data
    if not isinstance(data, dict):
        raise SpecError([f"{source}:1:1: lab.yaml consists of keys, like `name: homework`"])
    problems: list[Problem] = []
    spec = None
    for _ in range(MOST_ROUNDS):
        try:
            spec = LabSpec.model_validate(data)
            break
        except ValidationError as error:
            new = _reworded(error, data)
            problems += new
            for path, _what in new:
                _remove(data, path)
    if spec is not None:
        removed = [path for path, _ in problems]
        files = [] if trusted else record_file_problems(spec, folder)
        problems += [
            (path, what)
            for path, what in validate(spec, trusted=trusted) + files
            if not any(path[: len(prefix)] == prefix for prefix in removed)
        ]
    if problems or spec is None:
        located = sorted((file.position(path), _dotted(path), what) for path, what in problems)
        lines = [
            f"{source}:{line}:{column}: {_brief(key)}: {_brief(what)}"
            for (line, column), key, what in located[:MOST_REPORTED]
        ]
        if len(located) > MOST_REPORTED:
            lines.append(f"{source}: and {len(located) - MOST_REPORTED} more problems")
        raise SpecError(lines, "all keys: labctl schema lab; an example with comments: labctl init")
    return with_plugin_paths(with_record_paths(spec, folder), folder)


def _reworded(error: ValidationError, data: Any) -> list[Problem]:
    """Return one problem for each wrong key: pydantic reports a problem for each branch of a union."""
    found: dict[KeyPath, list[str]] = {}
    for item in error.errors():
        path = _existing(data, item["loc"], missing=item["type"] == "missing")
        what = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            what = _unknown_key(path)
        elif item["type"] == "missing":
            what = "this key is required"
        elif item["type"] == "model_type":
            what = "should contain keys, like `key: value`"
        known = found.setdefault(path, [])
        if what not in known:
            known.append(what)
    return [(path, " or ".join(whats).replace("Input should", "should")) for path, whats in found.items()]


def _unknown_key(path: KeyPath) -> str:
    model: type[BaseModel] = LabSpec
    for step, following in pairwise(path):
        if isinstance(step, str):
            models = list(_sections(model.model_fields[step].annotation))
            model = models[0] if isinstance(following, int) else models[-1]  # records: items of a list, or keys
    names = list(model.model_fields)
    import difflib

    near = difflib.get_close_matches(str(path[-1]), names, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; there are {', '.join(names)}"


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in `annotation`: in list[TopicSpec] | None it is TopicSpec."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _existing(data: Any, loc: tuple[Any, ...], *, missing: bool) -> KeyPath:
    """The steps of `loc` that are in `data`: pydantic puts the names of union branches between them."""
    path: list[str | int] = []
    for step in loc:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
            path.append(step)
    return (*path, str(loc[-1])) if missing else tuple(path)


def _remove(data: Any, path: KeyPath) -> None:
    """Remove what is wrong at `path` from `data`, or put a placeholder there, so that the rest can be validated."""
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if isinstance(parent, list) or (last in {"name", "allow", "file"} and len(path) > 1):
        parent[last] = _placeholder(path)
    else:
        parent.pop(last, None)


def _placeholder(path: KeyPath) -> Any:
    """A valid value at `path`: in a list each item keeps its number."""
    kind = next(step for step in reversed(path) if isinstance(step, str))
    name = f"labctl-unnamed-{'-'.join(str(step) for step in path if isinstance(step, int))}"
    acl = {"group": "*", "allow": ["read"]}
    item = {"topics": {"name": name}, "users": {"name": name}, "acls": acl, "allow": "read", "plugins": name}
    whole = {"name": name, "allow": ["read"], "file": name}
    return (item if isinstance(path[-1], int) else whole).get(kind, "")


def _dotted(path: KeyPath) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "lab"


def _brief(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
