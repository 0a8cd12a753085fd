"""Commands before there is a lab: init, schema, plan, render. They start nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.commands import Command
from labctl.cli.options import (
    PRESET,
    json_option,
    lab_options,
    lab_request,
    lab_store,
    plan_options,
)
from labctl.cli.output import print_json, print_raw, print_text

if TYPE_CHECKING:
    from labctl.cli.console import Console


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path), default=Path("lab.yaml"))
@click.option("--preset", type=PRESET, help="What to start from (default: homework).")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The docker-compose.yml of a lab that exists: write the same as lab.yaml.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def init(console: Console, path: Path, preset: str | None, source: Path | None, force: bool) -> None:
    """Write a commented lab.yaml."""
    from labctl.errors import SpecError
    from labctl.rendering.templates import render_template
    from labctl.system.files import is_there, write_file

    if preset and source:
        raise SpecError(["--preset and --from exclude each other: use only one of them"])
    if is_there(path) and not force:
        raise SpecError([f"{path} exists already"], "--force overwrites it")
    text = _lab_of(console, source) if source else render_template(f"init/{preset or 'homework'}.yaml")
    write_file(path, text, "name another file: labctl init PATH")
    console.line(f"wrote {path}; next: labctl up" + ("" if path == Path("lab.yaml") else f" -f {path}"))


def _lab_of(console: Console, source: Path) -> str:
    """The lab.yaml of the lab in a Compose file; what it does not have is printed."""
    import os

    from labctl.lint.carry_over import carry_over
    from labctl.lint.compose.loader import load_stack
    from labctl.rendering.templates import render_template
    from labctl.spec.loader import parse_spec

    carried = carry_over(load_stack([source], os.environ), source.resolve().parent.name)
    text = render_template("init/from.yaml.j2", source=source.name, lost=carried.lost, **carried.values)
    parse_spec(text, f"the lab of {source}")
    for line in carried.lost:
        console.note(f"not carried over: {line}")
    return text


@click.command(cls=Command)
@click.argument("what", type=click.Choice(["lab", "report"]), default="lab")
def schema(what: str) -> None:
    """Print the JSON Schema of lab.yaml, or of the report."""
    from labctl.report.json_format import json_schema
    from labctl.spec.model import LabSpec

    if what == "report":
        print_json(json_schema())
    else:
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "lab.yaml"}
        print_json(LabSpec.model_json_schema() | draft)


@click.command(cls=Command)
@lab_options
@plan_options
@json_option
def plan(file: Path | None, name: str | None, as_json: bool, **overrides: Any) -> None:
    """Show what would be started: nodes, ports, topics, runtime."""
    from labctl.cli.plan_output import plan_document, plan_text
    from labctl.lab.preview import preview_plan

    decided = preview_plan(lab_request(file, name, **overrides), lab_store())
    print_json(plan_document(decided)) if as_json else print_text(plan_text(decided))


@click.command(cls=Command)
@lab_options
@plan_options
@click.option("-o", "--output", metavar="DIR", help="Where to write (default: .labctl/NAME; - prints).")
@click.pass_obj
def render(console: Console, /, file: Path | None, name: str | None, output: str | None, **overrides: Any) -> None:
    """Write the lab's files and start nothing.

    docker-compose.yml, or server.properties of each node.
    """
    from labctl.lab.preview import preview_plan
    from labctl.runtime.access import render as render_files
    from labctl.system.files import write_files

    request = lab_request(file, name, **overrides)
    files = render_files(preview_plan(request, lab_store()))
    if output == "-":
        for path, text in files.items():
            print_raw((f"# ---- {path}\n" if len(files) > 1 else "") + text)
        return
    folder = Path(output) if output else request.folder
    for target in write_files(files, folder, "name another folder: -o DIR"):
        console.line(f"wrote {target}")


COMMANDS = {"init": init, "schema": schema, "plan": plan, "render": render}
