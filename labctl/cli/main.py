"""The command `labctl`: its commands, its own options, and how it ends."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from labctl import __version__
from labctl.cli.commands import Command, CommandGroup

# The module of each command, imported when the command is called. In the order of `labctl --help`.
COMMANDS = {
    "init": "setup",
    "schema": "setup",
    "plan": "setup",
    "render": "setup",
    "up": "bring_up",
    "check": "bring_up",
    "lint": "examine",
    "run": "bring_up",
    "gc": "remove",
    "status": "show",
    "ls": "show",
    "logs": "show",
    "exec": "inside",
    "env": "show",
    "stop": "remove",
    "reset": "remove",
    "down": "remove",
    "report": "show",
    "ui": "show",
    "notebook": "homework",
    "evidence": "homework",
    "example": "homework",
    "doctor": "machine",
    "cache": "machine",
    "image": "machine",
}


class MainGroup(CommandGroup):
    """The commands of COMMANDS. A LabError is printed, and its exit code is the process's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"labctl.cli.{COMMANDS[cmd_name]}")
        commands: dict[str, Command] = module.COMMANDS
        return commands[cmd_name]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and return what it returns. Print a LabError, and exit with its code."""
        from labctl.errors import LabError

        try:
            return super().invoke(ctx)
        except LabError as error:
            from labctl.diagnostics.redaction import Redactor, secrets_in

            error.message, error.hint = Redactor(secrets_in(os.environ)).of((error.message, error.hint))
            ctx.obj.failed(error)
            ctx.exit(error.exit_code)


@click.group(cls=MainGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="labctl", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Print more: layers, attempts, skipped checks.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--no-color", is_flag=True, help="Print without colours (as with NO_COLOR set).")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, quiet: bool, no_color: bool) -> None:
    """A real Apache Kafka lab (KRaft) with one command: started, verified, removed again."""
    from labctl.cli.console import Console

    ctx.obj = Console(0 if quiet else 2 if verbose else 1, color=False if no_color else None)


def main() -> NoReturn:
    """Run the command `labctl`, and exit."""
    from labctl.system.limits import keep_files_own, raise_limit
    from labctl.system.signals import install_handlers

    install_handlers()
    raise_limit()
    keep_files_own()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort as abort:  # click's own name for an interrupt
        click.echo("labctl: interrupted", err=True)
        code = getattr(abort.__cause__, "exit_code", 130)
    except BrokenPipeError:
        code = 141
    _flush()
    # threads that a Kafka client left must not keep the process alive
    os._exit(code if isinstance(code, int) else 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            continue
