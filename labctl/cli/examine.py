"""Commands about set-ups that somebody else wrote: lint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import TableChoice
from labctl.cli.output import print_format, print_text
from labctl.cli.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console
    from labctl.diagnostics.redaction import Redactor
    from labctl.lint.linter import LintResult


def _formats() -> Iterable[str]:
    from labctl.lint.formats import FORMATS

    return FORMATS


@click.command(cls=Command)
@click.argument("files", metavar="[FILE…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--each", is_flag=True, help="Examine each file by itself, instead of merging them as Compose does.")
@click.option("--fix", "fixes", is_flag=True, help="Change what can be fixed without a question; the rest is listed.")
@click.option("--diff", is_flag=True, help="With --fix: show the changes, and write nothing.")
@click.option(
    "--format", "form", type=TableChoice(_formats), default="text", metavar="F", help="text, json, github or sarif."
)
@click.pass_obj
def lint(console: Console, files: tuple[Path, ...], each: bool, fixes: bool, diff: bool, form: str) -> None:
    """Find faults in a docker-compose.yml with Kafka, or in a lab.yaml.

    Starts nothing, needs no engine. Without FILE the one that Compose would use. Exit code 1: something was found.
    """
    from labctl.diagnostics.redaction import Redactor, secrets_in
    from labctl.errors import SpecError
    from labctl.lint.formats import FORMATS
    from labctl.lint.linter import joined

    if diff and not fixes:
        raise SpecError(["--diff shows what --fix would change: use both"])
    groups = [[path] for path in files] if each else [list(files or _default_files())]
    redactor = Redactor(secrets_in(os.environ))  # a file may name any variable of the shell
    found = [_fixed(console, redactor, group, diff=diff) if fixes else _examined(group) for group in groups]
    result = redactor.of(joined(found))
    print_format(form, FORMATS[form](result))
    _summarize(console, result, fixes=fixes)
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


def _fixed(console: Console, redactor: Redactor, paths: Sequence[Path], *, diff: bool) -> LintResult:
    """Fix Compose files, or print what would be changed, and return what is left."""
    from difflib import unified_diff

    from labctl.errors import SpecError
    from labctl.lint.fixer import fix
    from labctl.lint.lab_yaml import is_lab_yaml
    from labctl.system.files import write_file

    if len(paths) == 1 and is_lab_yaml(paths[0]):
        raise SpecError(
            [f"{paths[0]}: --fix changes Compose files, not a lab.yaml"], "labctl lint FILE lists its faults"
        )
    result = fix(paths, os.environ)
    for path, (before, after) in result.changed.items():
        if diff:
            lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
            print_text("".join(unified_diff(*lines, str(path), f"{path} (fixed)")))
        else:
            write_file(path, after, "fix its permissions, or show the changes: labctl lint --fix --diff")
            console.line(f"wrote {printable(str(path))}")
    for finding in redactor.of(result.fixed):
        console.line(f"{'would fix' if diff else 'fixed'} {finding.rule}: {printable(finding.cause)}")
    return result.left


def _summarize(console: Console, result: LintResult, *, fixes: bool) -> None:
    for note in result.notes:
        console.line(f"not examined: {printable(note)}")
    counts = {level: sum(finding.level == level for finding in result.findings) for level in ("error", "warning")}
    parts = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count]
    nodes = f"{len(result.nodes)} Kafka node{'' if len(result.nodes) == 1 else 's'}"
    fixable = sum(bool(finding.edits) for finding in result.findings)
    advice = f"; labctl lint --fix fixes {fixable}" if fixable and not fixes else ""
    found = f"{', '.join(parts) or 'no faults found'}{' left' if fixes and parts else ''}"
    console.line(f"{printable(', '.join(result.files))}: {found} ({nodes}){advice}")


COMMANDS = {"lint": lint}
