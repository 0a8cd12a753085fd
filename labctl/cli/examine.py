"""Commands about set-ups that somebody else wrote: lint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import TableChoice
from labctl.cli.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console
    from labctl.lint.linter import LintResult


def _formats() -> Iterable[str]:
    from labctl.lint.formats import FORMATS

    return FORMATS


@click.command(cls=Command)
@click.argument("files", metavar="[FILE…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--each", is_flag=True, help="Examine each file by itself, instead of merging them as Compose does.")
@click.option(
    "--format", "form", type=TableChoice(_formats), default="text", metavar="F", help="text, json, github or sarif."
)
@click.pass_obj
def lint(console: Console, files: tuple[Path, ...], each: bool, form: str) -> None:
    """Find faults in a docker-compose.yml with Kafka, or in a lab.yaml.

    Starts nothing, needs no engine. Without FILE the one that Compose would use. Exit code 1: something was found.
    """
    from labctl.lint.formats import FORMATS
    from labctl.lint.linter import joined

    groups = [[path] for path in files] if each else [list(files or _default_files())]
    result = joined([_examined(group) for group in groups])
    click.echo(printable(FORMATS[form](result)) if form == "text" else FORMATS[form](result), nl=False)
    _summarize(console, result)
    if result.faulty:
        click.get_current_context().exit(1)


def _default_files() -> list[Path]:
    from labctl.errors import SpecError
    from labctl.lint.compose.loader import default_files

    found = default_files(Path())
    if not found:
        raise SpecError(["there is no docker-compose.yml or compose.yaml in this folder"], "name one: labctl lint FILE")
    return found


def _examined(paths: Sequence[Path]) -> LintResult:
    from labctl.lint.lab_yaml import is_lab_yaml, lint_lab_yaml
    from labctl.lint.linter import lint as lint_stack

    if len(paths) == 1 and is_lab_yaml(paths[0]):
        return lint_lab_yaml(paths[0])
    return lint_stack(paths, os.environ)


def _summarize(console: Console, result: LintResult) -> None:
    for note in result.notes:
        console.line(f"not examined: {printable(note)}")
    counts = {level: sum(finding.level == level for finding in result.findings) for level in ("error", "warning")}
    parts = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count]
    nodes = f"{len(result.nodes)} Kafka node{'' if len(result.nodes) == 1 else 's'}"
    files = ", ".join(result.files)
    console.line(f"{printable(files)}: {', '.join(parts) or 'no faults found'} ({nodes})")


COMMANDS = {"lint": lint}
