"""Write docs/reference: pages made from the commands, the schemas of lab.yaml and the report, errors and faults."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from labctl import errors
from labctl.cli.main import PIPE_CLOSED, cli
from labctl.known_faults import KNOWN_FAULTS, KnownFault
from labctl.report.json_format import json_schema
from labctl.spec.model import LabSpec
from labctl.spec.section import Section

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
WRITTEN = "Written by `scripts/docs_pages.py` from {source}. A test compares this page with the code.\n"
# exit codes of several errors, or of one whose docstring is for developers
IN_OTHER_WORDS = {
    errors.LabStopped.exit_code: "The lab did not start, did not become ready, ended, or is not running.",
    errors.Defect.exit_code: "A defect in labctl. The output names the file to attach to a report.",
}
ORIGINS = {
    "labctl": "What labctl finds itself",
    "docker": "What docker reports",
    "node": "What the state or the log of a node shows",
}


def pages() -> dict[str, str]:
    """Return {file name: text} of docs/reference."""
    made = {
        "commands.md": ("Commands", "the command line", _commands()),
        "lab-yaml.md": ("lab.yaml", "the model of lab.yaml", _lab_yaml()),
        "report.md": ("The report", "the model of the report", _report()),
        "exit-codes.md": ("Exit codes", "the errors of labctl", _exit_codes()),
        "faults.md": ("Known faults", "the registry of known faults", _faults()),
    }
    return {
        name: "\n".join([f"# {title}\n", WRITTEN.format(source=source), *lines])
        for name, (title, source, lines) in made.items()
    }


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _commands() -> Iterator[str]:
    yield "Options of labctl itself, before or after a command's name:\n"
    yield _table(["option", "does"], _options(cli))
    yield "`-h`, `--help` shows the options of any command.\n"
    for path, command in _leaves("labctl", cli):
        yield f"## {path}\n"
        arguments = [param for param in command.params if isinstance(param, click.Argument)]
        usage = " ".join([path, "[OPTIONS]", *(_argument(param) for param in arguments)])
        yield f"```text\n{usage}\n```\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        if options := _options(command):
            yield _table(["option", "does"], options)


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """The commands below a group, each with all its names."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in command.list_commands(click.Context(command)):
        if below := command.get_command(click.Context(command), name):
            yield from _leaves(f"{path} {name}", below)


def _argument(param: click.Argument) -> str:
    name = param.metavar or _choices(param) or f"{(param.name or '').upper()}{'…' if param.nargs == -1 else ''}"
    return name if param.required or name.startswith("[") else f"[{name}]"


def _options(command: click.Command) -> list[list[str]]:
    """The rows of a command's options: spelling, and help text with the default."""
    rows = []
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            value = "" if param.is_flag else f" {param.metavar or _choices(param) or param.type.name.upper()}"
            default = f" Default: `{param.default}`." if param.show_default else ""
            rows.append([f"`{', '.join(param.opts)}{value}`", f"{param.help or ''}{default}"])
    return rows


def _choices(param: click.Parameter) -> str:
    return f"[{'|'.join(map(str, param.type.choices))}]" if isinstance(param.type, click.Choice) else ""


def _lab_yaml() -> Iterator[str]:
    schema = LabSpec.model_json_schema()
    sections = dict(_sections("", "LabSpec", schema))
    anchors = {name: f"[keys](#{re.sub('[^a-z_ ]', '', path).replace(' ', '-')})" for path, name in sections.items()}
    yield "`labctl schema` prints the same as JSON Schema, `labctl init` writes an example with comments.\n"
    yield "All keys are optional, except where the column *default* says *required*. Other keys are refused.\n"
    for path, name in {"The whole file": "LabSpec", **sections}.items():
        definition = schema["$defs"].get(name, schema)
        yield f"## {path}\n"
        yield f"{inspect.cleandoc(definition.get('description', ''))}\n"
        rows = [
            [f"`{key}`", _type(value, anchors), _default(name, key), value.get("description", "")]
            for key, value in definition["properties"].items()
        ]
        yield _table(["key", "value", "default", "meaning"], rows)


def _sections(prefix: str, name: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The objects inside an object: the path of each in lab.yaml, and the name of its definition."""
    for key, value in schema["$defs"].get(name, schema)["properties"].items():
        found = dict(_references(value))
        for inner, suffix in found.items():
            # where a key has a list or keys, their paths differ in words: headings have no other characters
            path = f"{prefix}{key}{suffix or (' as keys' if '[]' in found.values() else '')}"
            yield path, inner
            yield from _sections(f"{path}.", inner, schema)


def _references(schema: Any, suffix: str = "") -> Iterator[tuple[str, str]]:
    """The definitions that a schema names, and [] for those that are items of a list."""
    parts = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, value in parts:
        if key == "$ref":
            yield value.rsplit("/", 1)[-1], suffix
        yield from _references(value, "[]" if key == "items" else suffix)


def _default(name: str, key: str) -> str:
    """The default of a key, as lab.yaml writes it."""
    section = next(section for section in Section.__subclasses__() if section.__name__ == name)
    field = section.model_fields[key]
    if field.is_required():
        return "*required*"
    default = TypeAdapter(Any).dump_python(field.get_default(call_default_factory=True), mode="json")
    return f"`{_yaml(default)}`"


def _report() -> Iterator[str]:
    schema = json_schema()
    known = schema["$defs"]
    yield "`report.json` and `--json`; `labctl schema report` prints this as JSON Schema. Times are in seconds.\n"
    anchors = {name: f"[{name}](#{name.lower()})" for name in known}
    for title, definition in [("The document", schema), *known.items()]:
        yield f"## {title}\n"
        yield f"{inspect.cleandoc(definition.get('description', ''))}\n"
        fields = definition.get("properties", {}).items()
        yield _table(["field", "value"], [[f"`{key}`", _type(value, anchors)] for key, value in fields])


def _type(schema: dict[str, Any], anchors: dict[str, str]) -> str:
    """What values a schema allows, in words; `anchors` are links to the definitions."""
    match schema:
        case {"$ref": str(reference)}:
            words = anchors[reference.rsplit("/", 1)[-1]]
        case {"anyOf": list(kinds)} | {"oneOf": list(kinds)}:
            words = " or ".join(dict.fromkeys(_type(kind, anchors) for kind in kinds))
        case {"const": constant}:
            words = f"`{_yaml(constant)}`"
        case {"enum": list(values)}:
            words = ", ".join(f"`{_yaml(value)}`" for value in values)
        case {"type": "array", "items": dict(items)}:
            words = f"list of {_type(items, anchors)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            words = f"names, each with {_type(values, anchors)}"
        case {"minimum": low, "maximum": high}:
            words = f"{low} to {high}"
        case _:
            words = str(schema.get("type", "any"))
    return words


def _yaml(value: object) -> str:
    """A value as lab.yaml writes it."""
    if isinstance(value, str) and re.fullmatch(r"[\w./][\w ./-]*", value):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _exit_codes() -> Iterator[str]:
    kinds = {
        kind.exit_code: kind
        for _name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.LabError) and kind is not errors.LabError
    }
    rows = [
        (0, "Success."),
        (1, "A check failed, `labctl lint` found something, or a cell of the notebook failed."),
        *((code, IN_OTHER_WORDS.get(code) or _meaning(kinds[code])) for code in sorted(kinds)),
        (129, "The terminal was closed (SIGHUP)."),
        (130, "Ctrl-C (SIGINT)."),
        (PIPE_CLOSED, "Nobody reads the output, as in `labctl logs | head -1`."),
        (143, "SIGTERM."),
    ]
    yield _table(["exit code", "meaning"], [[f"{code}", text] for code, text in rows])
    yield "`labctl exec` returns the exit code of its command.\n"
    yield "`labctl run` returns the exit code of its command. If the lab did not come up, the command did not start,"
    yield "and the code is one of this table. `labctl run` always removes its lab.\n"
    yield "A lab that ended with 3, 4 or a signal while it was created is removed, unless you add `--keep`. After exit"
    yield "code 1 it keeps running, so that you can look at it.\n"


def _meaning(kind: type[errors.LabError]) -> str:
    text = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return re.sub(r" \(exit \d+(, [^)]*)?\)", "", text)


def _faults() -> Iterator[str]:
    yield "A report has the name of the fault in `diagnosis.fault`. [The tests that cause each fault](../faults.md).\n"
    yield "`…` stands for what labctl found: a port, a file, a setting. An error of labctl itself may have other words,"
    yield "and then names the file, the port or the program too.\n"
    for origin, title in ORIGINS.items():
        yield f"## {title}\n"
        rows = [fault for fault in KNOWN_FAULTS if fault.origin == origin]
        columns = ["fault", "cause", "remedy", *(["recognised by the text of"] if origin != "labctl" else [])]
        yield _table(columns, [_fault(fault)[: len(columns)] for fault in rows])


def _fault(fault: KnownFault) -> list[str]:
    return [f"`{fault.name}`", re.sub(r"(\{\d\})+", "…", fault.cause), fault.remedy, fault.source]


def _table(columns: list[str], rows: Iterable[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
