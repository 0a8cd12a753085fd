"""Commands for students: notebook, evidence, example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import TableChoice, lab_options, opened_lab

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console


def _languages() -> Iterable[str]:
    from labctl.homework.example import LANGUAGES

    return LANGUAGES


@click.command(cls=Command)
@lab_options
@click.option("--run", is_flag=True, help="Run it on the lab, and keep the output of its cells.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("kafka.ipynb"), metavar="FILE", show_default=True
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def notebook(console: Console, file: Path | None, name: str | None, run: bool, output: Path, force: bool) -> None:
    """Write a notebook that uses the lab from Python."""
    from labctl.errors import SpecError
    from labctl.homework.notebook import make_notebook, run_notebook, write_notebook
    from labctl.system.files import is_there

    if is_there(output) and not force:
        raise SpecError([f"{output} exists already"], "--force overwrites it")
    created = make_notebook(opened_lab(file, name, console).plan)
    write_notebook(created, output)
    if run:
        console.line("running the notebook")
        try:
            run_notebook(created, output.resolve().parent)
        finally:
            write_notebook(created, output)
    ways = "" if run else f"; to run it: jupyter lab {output}, or labctl notebook --run --force"
    console.line(f"wrote {output}{ways}")


@click.command(cls=Command)
@lab_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("evidence"), metavar="DIR|ZIP", show_default=True
)
@click.option("--force", is_flag=True, help="Replace earlier evidence.")
@click.pass_obj
def evidence(console: Console, file: Path | None, name: str | None, output: Path, force: bool) -> None:
    """Create the folder to hand in.

    Compose file, console transcripts, notebook, screenshots, report.
    """
    from labctl.errors import LabStopped
    from labctl.homework.evidence import make_evidence, require_free_target
    from labctl.lab.existing import planned_for_docker

    require_free_target(output, force=force)
    lab = opened_lab(file, name, console)
    if lab.state() != "running":
        raise LabStopped(f"the lab {lab.plan.name} is not running", "labctl up starts it")
    in_docker = planned_for_docker(lab.record)
    artifacts, target = make_evidence(lab.plan, in_docker, lab.runtime, lab.folder, output)
    for artifact in artifacts:
        missing, proves = artifact.missing, artifact.proves
        console.line(f"! {artifact.name}: {missing}" if missing else f"✓ {artifact.name}: {proves}")
    if target.name != output.name:
        console.line(f"! {output} was changed meanwhile, and is kept")
    console.line(f"wrote {output.with_name(target.name)}")


@click.command(cls=Command)
@lab_options
@click.argument("language", type=TableChoice(_languages), metavar="LANGUAGE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Where to write (default: orders-LANGUAGE)."
)
@click.option("--user", metavar="USER", help="Log in as USER (default: the lab's first user).")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.pass_obj
def example(
    console: Console,
    file: Path | None,
    name: str | None,
    language: str,
    output: Path | None,
    user: str | None,
    force: bool,
) -> None:
    """Write a small client project for the lab.

    LANGUAGE is python, java, node or go. The program sends records and reads them in a consumer group; its README says
    how to run it.
    """
    from labctl.homework.example import make_example, to_run, write_example

    plan = opened_lab(file, name, console).plan
    folder = output or Path(f"orders-{language}")
    write_example(make_example(plan, language, user), folder, force=force)
    console.line(f"wrote {folder}; to run it: {to_run(language, folder)}")


COMMANDS = {"notebook": notebook, "evidence": evidence, "example": example}
