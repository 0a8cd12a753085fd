"""A Compose file that is changed in place: comments, order and layout are kept (ruamel.yaml's round trip)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from io import StringIO
from typing import Any

from labctl.errors import SpecError
from labctl.lint.compose.tree import plain, read_tree
from labctl.lint.edit import (
    Edit,
    RemoveService,
    RemoveVariable,
    RenameVariable,
    ReplaceText,
    SetHealthCheck,
    SetImage,
    SetPort,
    SetTarget,
    SetVariable,
)

_KEY = r'^( *)[\w."-]+:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*'
_INDENTED_LISTS, _FLUSH_LISTS = re.compile(rf"{_KEY}\1 +- ", re.MULTILINE), re.compile(rf"{_KEY}\1- ", re.MULTILINE)
_FIRST_INDENT = re.compile(r"^[\w.\"-]+:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*( +)\w", re.MULTILINE)
ENVIRONMENT = "environment"


class Document:
    """The text of a Compose file and its tree."""

    def __init__(self, text: str) -> None:
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._text = text.replace("\r\n", "\n")
        self._yaml = _parser(self._text)
        with warnings.catch_warnings(action="ignore"):  # of an anchor that is used twice
            self._data: Any = self._yaml.load(self._text)
        self._before = self._dumped()

    def has(self, service: str) -> bool:
        """Return whether the file describes the service."""
        return isinstance(self._data.get("services", {}).get(service), dict)

    def replaces_variable(self, edit: Edit) -> bool:
        """Return whether a change would write a value in place of a variable of the shell, such as ${PORT}."""
        if not self.has(edit.service):
            return False
        section = self._data["services"][edit.service]
        if isinstance(edit, SetImage):
            return "$" in str(section.get("image", ""))
        if not isinstance(edit, SetVariable):
            return False
        environment = section.get(ENVIRONMENT) or {}
        if isinstance(environment, dict):
            return "$" in str(environment.get(edit.name, "")).replace("$$", "")
        number = _index(environment, edit.name)
        return number is not None and "$" in str(environment[number]).replace("$$", "")

    def apply(self, edit: Edit) -> None:
        """Make a change; a service or a value that the file does not have is left alone."""
        if self.has(edit.service):
            _CHANGES[type(edit)](self._data, edit)

    def text(self) -> str:
        """Return the changed file. Lines that no change concerns are as they were, to the last blank."""
        from merge3 import Merge3

        before, after = (text.splitlines(keepends=True) for text in (self._before, self._dumped()))
        if before == after:
            return self._text.replace("\n", self._line_end)
        merged = Merge3(before, self._text.splitlines(keepends=True), after)
        lines: list[str] = []
        for kind, *parts in merged.merge_groups():
            lines += _resolved(*parts) if kind == "conflict" else parts[0]
        text = "".join(lines)
        same = _plain(text) == _plain("".join(after))
        return (text if same else "".join(after)).replace("\n", self._line_end)

    def _dumped(self) -> str:
        stream = StringIO()
        self._yaml.dump(self._data, stream)
        return stream.getvalue()


def _resolved(before: Sequence[str], written: Sequence[str], after: Sequence[str]) -> list[str]:
    """Lines next to a change that ruamel.yaml lays out in another way: as they were where they don't change."""
    if len(before) != len(written):
        return list(after)
    lines: list[str] = []
    for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        lines += written[first:last] if kind == "equal" else after[start:end]
    return lines


def _plain(text: str) -> Any:
    """What is in a text, to compare it with another; None where it is no YAML."""
    try:
        return plain(read_tree(text, ""))
    except SpecError:
        return None


def _parser(text: str) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # no line is broken
    yaml.allow_duplicate_keys = True
    flush = len(_FLUSH_LISTS.findall(text)) > len(_INDENTED_LISTS.findall(text))
    first = _FIRST_INDENT.search(text)
    width = len(first[1]) if first else 2
    yaml.indent(mapping=width, sequence=2 if flush else width + 2, offset=0 if flush else width)
    yaml.explicit_start = True if text.startswith("---") else None
    return yaml


def _environment(data: Any, service: str) -> Any:
    """The environment of a service for changes: its own, a new one, or one that merges what an anchor shares."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.mergevalue import MergeValue

    section = data["services"][service]
    environment = section.get(ENVIRONMENT)
    if environment is None:
        environment = section[ENVIRONMENT] = CommentedMap()
    elif isinstance(environment, dict) and _is_shared(data, environment):
        own, shared = CommentedMap(), MergeValue()
        shared.append(environment)
        shared.merge_pos = 0
        own.add_yaml_merge(shared)
        environment = section[ENVIRONMENT] = own
    return environment


def _is_shared(data: Any, environment: Any) -> bool:
    """Whether an alias makes other services use this very mapping."""
    users = sum(other.get(ENVIRONMENT) is environment for other in data["services"].values() if isinstance(other, dict))
    return users > 1 or bool(users and any(value is environment for value in data.values()))


def _set_variable(data: Any, edit: SetVariable) -> None:
    environment = _environment(data, edit.service)
    value = edit.value.replace("$", "$$")  # Compose reads a single one as a variable
    if isinstance(environment, list):
        number = _index(environment, edit.name)
        item = f"{edit.name}={value}"
        if number is None:
            environment.append(item)
        else:
            environment[number] = item
    else:
        environment[edit.name] = int(value) if _is_number(value) else value


def _rename_variable(data: Any, edit: RenameVariable) -> None:
    environment = _environment(data, edit.service)
    if isinstance(environment, list):
        number = _index(environment, edit.old)
        if number is not None:
            environment[number] = str(environment[number]).replace(edit.old, edit.new, 1)
    elif edit.old in environment:
        position = list(environment).index(edit.old)
        value = environment[edit.old]
        comments = environment.ca.items.pop(edit.old, None)
        environment.pop(edit.old, None)
        environment.insert(position, edit.new, value)
        if comments is not None:
            environment.ca.items[edit.new] = comments


def _remove_variable(data: Any, edit: RemoveVariable) -> None:
    environment = _environment(data, edit.service)
    if isinstance(environment, list):
        number = _index(environment, edit.name)
        if number is not None:
            environment.pop(number)
    else:
        environment.pop(edit.name, None)


def _set_image(data: Any, edit: SetImage) -> None:
    data["services"][edit.service]["image"] = edit.image


def _set_port(data: Any, edit: SetPort) -> None:
    ports = data["services"][edit.service].get("ports") or []
    for number, port in enumerate(ports):
        if isinstance(port, dict):
            if str(port.get("published")) == str(edit.host) and port.get("target") == edit.old:
                port["target"] = edit.new
        else:
            changed = re.sub(rf"(^|:){edit.host}:{edit.old}(?=/|$)", rf"\g<1>{edit.host}:{edit.new}", str(port))
            if changed != str(port):
                ports[number] = _as(port, changed)


def _set_target(data: Any, edit: SetTarget) -> None:
    volumes = data["services"][edit.service].get("volumes") or []
    for number, volume in enumerate(volumes):
        if isinstance(volume, dict):
            if str(volume.get("target")).rstrip("/") == edit.old:
                volume["target"] = edit.new
        else:
            volumes[number] = _as(volume, re.sub(rf":{re.escape(edit.old)}/?(?=:|$)", f":{edit.new}", str(volume)))


def _replace_text(data: Any, edit: ReplaceText) -> None:
    *parents, last = edit.keys
    section = data["services"][edit.service]
    for key in parents:
        section = section.get(key) or {}
    value = section.get(last)
    if isinstance(value, list):
        for number, word in enumerate(value):
            value[number] = _as(word, str(word).replace(edit.old, edit.new))
    elif value is not None:
        section[last] = _as(value, str(value).replace(edit.old, edit.new))


def _set_health_check(data: Any, edit: SetHealthCheck) -> None:
    from ruamel.yaml.comments import CommentedSeq

    words = CommentedSeq(edit.words)
    words.fa.set_flow_style()
    data["services"][edit.service].setdefault("healthcheck", {})["test"] = words


def _remove_service(data: Any, edit: RemoveService) -> None:
    data["services"].pop(edit.service)
    for section in data["services"].values():
        depends = section.get("depends_on") if isinstance(section, dict) else None
        if isinstance(depends, list) and edit.service in depends:
            depends.remove(edit.service)
        elif isinstance(depends, dict):
            depends.pop(edit.service, None)
        if depends is not None and not depends:
            section.pop("depends_on")


_CHANGES: Mapping[type, Callable[[Any, Any], None]] = {
    SetVariable: _set_variable,
    RenameVariable: _rename_variable,
    RemoveVariable: _remove_variable,
    SetImage: _set_image,
    SetPort: _set_port,
    SetTarget: _set_target,
    ReplaceText: _replace_text,
    SetHealthCheck: _set_health_check,
    RemoveService: _remove_service,
}


def _index(items: Any, name: str) -> int | None:
    return next((number for number, item in enumerate(items) if str(item).partition("=")[0] == name), None)


def _is_number(value: str) -> bool:
    return value.isdigit() and (value == "0" or not value.startswith("0"))


def _as(old: Any, new: str) -> Any:
    """`new` with the quotes of `old`."""
    kind = type(old)
    return kind(new) if kind is not int and isinstance(old, str) else new
