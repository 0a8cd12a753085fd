"""The commands `labctl connect …`: the connectors of a lab's Kafka Connect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command, CommandGroup
from labctl.cli.options import json_option, lab_name, lab_options, lab_store
from labctl.cli.output import print_json, print_text

if TYPE_CHECKING:
    from labctl.cli.console import Console
    from labctl.plan.model import ServicePlan
    from labctl.services.connectors import Connector


@click.group(cls=CommandGroup)
def connect() -> None:
    """Manage the connectors of the lab's Kafka Connect.

    It needs `services: {connect: true}` in lab.yaml.
    """


@connect.command(cls=Command)
@lab_options
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.json…")
@json_option
@click.pass_obj
def apply(console: Console, file: Path | None, name: str | None, files: tuple[Path, ...], as_json: bool) -> None:
    """Create the connector of each FILE.json, or change its configuration, and wait for its tasks.

    A file is {"name": …, "config": {…}}, or the configuration alone. Exit code 1 where a connector fails.
    """
    from labctl.lab.connect import apply_files, read_files

    wanted = read_files(files)
    found = []
    for applied in apply_files(_service(file, name, console), wanted):
        found.append(applied.connector)
        if not as_json:
            print_text(f"{'created' if applied.is_new else 'changed'} {_text(applied.connector)}")
    _show_all(found, as_json=as_json, shown=True)


@connect.command(cls=Command, name="ls")
@lab_options
@json_option
@click.pass_obj
def connect_ls(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """List the connectors and their states. Exit code 1 where one failed."""
    from labctl.services import connectors

    service = _service(file, name, console)
    found = connectors.every_status(service)
    if not found and not as_json:
        print_text("no connectors; labctl connect apply FILE.json creates one\n")
    _show_all(found, as_json=as_json)


@connect.command(cls=Command)
@lab_options
@click.argument("connector")
@json_option
@click.pass_obj
def status(console: Console, file: Path | None, name: str | None, connector: str, as_json: bool) -> None:
    """Show the state of CONNECTOR and of its tasks. Exit code 1 where it failed."""
    from labctl.lab.connect import known_connector
    from labctl.services import connectors

    service = _service(file, name, console)
    with known_connector(service, connector):
        found = connectors.status(service, connector)
    _show_all([found], as_json=as_json, one=True)


@connect.command(cls=Command)
@lab_options
@click.argument("connector")
@click.pass_obj
def restart(console: Console, file: Path | None, name: str | None, connector: str) -> None:
    """Restart CONNECTOR with its tasks, and wait for them. Exit code 1 where it fails."""
    from labctl.lab.connect import known_connector, settled
    from labctl.services import connectors

    service = _service(file, name, console)
    with known_connector(service, connector):
        connectors.restart(service, connector)
    _show_all([settled(service, connector)], as_json=False)


@connect.command(cls=Command)
@lab_options
@click.argument("connector")
@click.pass_obj
def delete(console: Console, file: Path | None, name: str | None, connector: str) -> None:
    """Delete CONNECTOR. The records that it wrote stay."""
    from labctl.lab.connect import known_connector
    from labctl.services import connectors

    service = _service(file, name, console)
    with known_connector(service, connector):
        connectors.delete(service, connector)
    print_text(f"deleted {connector}\n")


@connect.command(cls=Command)
@lab_options
@json_option
@click.pass_obj
def plugins(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """List the connector classes that the worker has."""
    from labctl.services import connectors

    found = connectors.plugins(_service(file, name, console))
    if as_json:
        print_json(found)
        return
    for plugin in found:
        print_text(f"{plugin['type']:<7} {plugin['class']}  {plugin.get('version') or ''}".rstrip() + "\n")


def _service(file: Path | None, name: str | None, console: Console) -> ServicePlan:
    from labctl.lab.connect import connect_service

    return connect_service(lab_name(file, name), lab_store(), console)


def _show_all(found: Sequence[Connector], *, as_json: bool, one: bool = False, shown: bool = False) -> None:
    """Print connectors, unless they are `shown`, and what failed; exit with 1 then. With `one` JSON is an object."""
    if as_json:
        documents = [asdict(connector) for connector in found]
        print_json(documents[0] if one else documents)
    elif not shown:
        for connector in found:
            print_text(_text(connector))
    if any(connector.failures for connector in found):
        click.get_current_context().exit(1)


def _text(connector: Connector) -> str:
    running = sum(task.state == "RUNNING" for task in connector.tasks)
    state = f"{connector.state.lower()}, {running} of {len(connector.tasks)} tasks running"
    lines = [f"{connector.name}: {connector.kind} {connector.class_name}; {state}", *connector.failures]
    return "\n  ".join(lines) + "\n"


COMMANDS = {"connect": connect}
