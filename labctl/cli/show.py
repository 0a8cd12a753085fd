"""Commands that show labs: status, ls, logs, env, report, ui."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import (
    TableChoice,
    json_option,
    lab_folder,
    lab_name,
    lab_options,
    lab_store,
    opened_lab,
)
from labctl.cli.output import print_format, print_json, print_raw, print_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console


def _env_formats() -> Iterable[str]:
    from labctl.kafka.client_settings import ENV_FORMATS

    return ENV_FORMATS


def _client_places() -> Iterable[str]:
    from labctl.kafka.client_settings import PLACES

    return PLACES


def _report_formats() -> Iterable[str]:
    from labctl.report import FORMATS

    return FORMATS


@click.command(cls=Command)
@lab_options
@json_option
@click.option("--watch", is_flag=True, help="Show it again each second, until Ctrl-C.")
@click.pass_obj
def status(console: Console, file: Path | None, name: str | None, as_json: bool, watch: bool) -> None:
    """Show the lab's nodes, quorum, partitions and endpoints.

    Exit code 4 where it is not running.
    """
    from labctl.cli.status_output import status_text, watch_status
    from labctl.errors import SpecError
    from labctl.lab.status import lab_status

    lab, store = lab_name(file, name), lab_store()
    if watch:
        if as_json:
            raise SpecError(["--watch and --json exclude each other: a program calls status --json again"])
        watch_status(lambda: lab_status(lab, store, console))
    document = lab_status(lab, store, console)
    print_json(document) if as_json else print_text(status_text(document))
    if document["state"] != "running":
        click.get_current_context().exit(4)


@click.command(cls=Command)
@json_option
@click.pass_obj
def ls(console: Console, as_json: bool) -> None:
    """List this user's labs on this machine."""
    from labctl.cli.status_output import list_text
    from labctl.lab.status import lab_list

    labs = lab_list(lab_store(), console)
    print_json(labs) if as_json else print_text(list_text(labs))


@click.command(cls=Command)
@lab_options
@click.argument("node", required=False)
@click.option("--follow", is_flag=True, help="Print new lines as they are written.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Print the newest N lines.")
@click.pass_obj
def logs(
    console: Console, file: Path | None, name: str | None, node: str | None, follow: bool, tail: int | None
) -> None:
    """Print the log of NODE, which may be a service too (default: the first node)."""
    lab = opened_lab(file, name, console)
    chosen = node or lab.plan.nodes[0].name
    if not follow:
        print_text(lab.runtime.logs(chosen, tail=tail))
        return
    for line in lab.runtime.follow_logs(chosen, tail=tail):
        print_text(line)


@click.command(cls=Command)
@lab_options
@click.option("--format", "form", type=TableChoice(_env_formats), help="Default: shell.")
@click.option("--user", metavar="USER", help="Log in as USER (default: the lab's first user).")
@click.option(
    "--from",
    "place",
    type=TableChoice(_client_places),
    default="host",
    show_default=True,
    help="Where the client runs: on this machine, in another container of the lab's engine, or in a service of your "
    "own docker-compose.yml, which is printed.",
)
@click.pass_obj
def env(console: Console, file: Path | None, name: str | None, form: str | None, user: str | None, place: str) -> None:
    """Print what a client needs to connect. In a secure lab the librdkafka form contains the password itself."""
    from labctl.errors import SpecError
    from labctl.kafka.client_settings import COMPOSE, client_settings

    if form and place == COMPOSE:
        raise SpecError([f"--from {COMPOSE} prints YAML for Compose: leave out --format"])
    print_raw(client_settings(opened_lab(file, name, console).plan, form or "shell", user, place))


@click.command(cls=Command)
@lab_options
@click.option("--format", "form", type=TableChoice(_report_formats), default="terminal", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to FILE.")
def report(file: Path | None, name: str | None, form: str, output: Path | None) -> None:
    """Print the last report again, in any format."""
    from labctl.errors import LabStopped
    from labctl.report import FORMATS, read
    from labctl.system.files import write_file

    lab = lab_name(file, name)
    record = lab_store().load(lab)
    last = read(Path(record.folder) if record else lab_folder(file, lab))
    if last is None:
        raise LabStopped(f"there is no report of the lab {lab}", "labctl up writes one")
    text = FORMATS[form](last)
    if not output:
        print_format(form, text)
        return
    write_file(output, text, "name another file: -o FILE")


@click.command(cls=Command)
@lab_options
@click.pass_obj
def ui(console: Console, file: Path | None, name: str | None) -> None:
    """Print the address of the lab page; on a terminal open it too.

    The page of a secure lab requires authentication: the address is a file of yours that opens it once.
    """
    from labctl.errors import LabStopped
    from labctl.webui.page.access import page_opener
    from labctl.webui.page.process import page_runs

    plan = opened_lab(file, name, console).plan
    if plan.ui.url is None:
        raise LabStopped(f"the lab {plan.name} has no page: {plan.ui.reason}")
    if plan.ui.kind == "page" and not page_runs(plan):
        raise LabStopped(f"the page of the lab {plan.name} is not running", "labctl up starts it")
    address = page_opener(plan).as_uri() if plan.security else plan.ui.url
    print_text(f"{address}\n")
    if sys.stdout.isatty():
        click.launch(address)


COMMANDS = {"status": status, "ls": ls, "logs": logs, "env": env, "report": report, "ui": ui}
