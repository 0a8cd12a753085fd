"""The commands `labctl fault …`: the network between clients and brokers, broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labctl.cli.commands import Command, CommandGroup
from labctl.cli.options import json_option, lab_name, lab_options, lab_store
from labctl.cli.output import print_json, print_text
from labctl.proxy import faults

if TYPE_CHECKING:
    from labctl.cli.console import Console

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=CommandGroup)
def fault() -> None:
    """Break the network before your program.

    It makes the connections between clients and brokers slow, silent or refused. It needs
    `listeners: {external: {faults: true}}` in lab.yaml: a proxy of labctl's own before each broker. `isolate` needs a
    lab in Docker instead.
    """


def fault_options(command: F) -> Any:
    """Return the command with the options of those that change the faults of brokers."""
    command = click.option("--node", metavar="NODE", help="Only this broker (default: all).")(command)
    return lab_options(json_option(click.pass_obj(command)))


def _change(
    console: Console,
    lab: tuple[Path | None, str | None],
    node: str | None,
    as_json: bool,
    change: Callable[[faults.Faults], faults.Faults],
) -> None:
    """Change the faults of a broker, of all where `node` is None, and print those of each."""
    from labctl.lab.network_faults import change_faults

    _show(change_faults(lab_name(*lab), change, node, lab_store(), console), as_json)


def _number(parse: str, value: str, option: str) -> Any:
    from labctl.errors import SpecError

    try:
        return getattr(faults, parse)(value)
    except ValueError as error:
        raise SpecError([f"{option} {error}"]) from None


@fault.command(cls=Command)
@click.argument("time")
@click.option("--jitter", metavar="TIME", default="0ms", help="Up to this much more or less, each time.")
@fault_options
def latency(
    console: Console, time: str, jitter: str, file: Path | None, name: str | None, node: str | None, as_json: bool
) -> None:
    """Add TIME to each response: 200ms, 1.5s."""
    seconds, spread = _number("duration", time, "TIME"), _number("duration", jitter, "--jitter")
    _change(console, (file, name), node, as_json, lambda now: faults.slow(now, seconds, spread))


@fault.command(cls=Command)
@click.argument("rate")
@fault_options
def bandwidth(
    console: Console, rate: str, file: Path | None, name: str | None, node: str | None, as_json: bool
) -> None:
    """Limit each connection to RATE in each direction: 64k, 2m (KiB or MiB a second)."""
    limit = _number("rate", rate, "RATE")
    _change(console, (file, name), node, as_json, lambda now: faults.limit(now, limit))


@fault.command(cls=Command)
@fault_options
def cut(console: Console, file: Path | None, name: str | None, node: str | None, as_json: bool) -> None:
    """Let connections stay open and nothing pass, as a pulled cable does: clients time out."""
    _change(console, (file, name), node, as_json, faults.cut)


@fault.command(cls=Command)
@fault_options
def refuse(console: Console, file: Path | None, name: str | None, node: str | None, as_json: bool) -> None:
    """End all connections, and refuse new ones: nothing listens there."""
    _change(console, (file, name), node, as_json, faults.refuse)


@fault.command(cls=Command)
@fault_options
def reset(console: Console, file: Path | None, name: str | None, node: str | None, as_json: bool) -> None:
    """End the connections that there are now, once: clients may connect again."""
    _change(console, (file, name), node, as_json, faults.reset)


@fault.command(cls=Command)
@click.argument("node")
@lab_options
@click.pass_obj
def isolate(console: Console, node: str, file: Path | None, name: str | None) -> None:
    """Disconnect NODE from the network of its lab in Docker: from clients, and from the other nodes."""
    from labctl.lab.network_faults import isolate as isolate_node

    isolate_node(lab_name(file, name), node, lab_store(), console)
    console.line(f"{node} is disconnected from the lab's network; labctl fault clear connects it again")


@fault.command(cls=Command)
@click.option("--node", metavar="NODE", help="Only this node (default: all).")
@lab_options
@click.pass_obj
def clear(console: Console, node: str | None, file: Path | None, name: str | None) -> None:
    """End all faults."""
    from labctl.lab.network_faults import clear as clear_faults

    ended = clear_faults(lab_name(file, name), node, lab_store(), console)
    console.line(f"ended {', '.join(ended)}" if ended else "there were no faults")


@fault.command("ls", cls=Command)
@lab_options
@json_option
@click.pass_obj
def list_(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """List the faults, connections and bytes of each broker."""
    from labctl.lab.network_faults import change_faults

    _show(change_faults(lab_name(file, name), lambda now: now, None, lab_store(), console), as_json)


def _show(nodes: list[Any], as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json([asdict(node) for node in nodes])
        return
    print_text(
        "".join(
            f"{node.node}: {', '.join(node.faults.texts) or 'no fault'}; {node.connections} connections, "
            f"{node.carried:,} bytes\n"
            for node in nodes
        )
    )


COMMANDS = {"fault": fault}
