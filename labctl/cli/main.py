"""The command `labctl`: its commands, its own options, and how it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from labctl import __version__
from labctl.cli.commands import Command, CommandGroup

if TYPE_CHECKING:
    from labctl.cli.console import Console

INTERRUPTED = 130
PIPE_CLOSED = 141  # as a shell reports a program that SIGPIPE ended

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
    "load": "data",
    "dump": "data",
    "traffic": "data",
    "snapshot": "snapshot",
    "export": "snapshot",
    "connect": "connect",
    "node": "cluster",
    "fault": "fault",
    "drill": "cluster",
    "upgrade": "cluster",
    "controller": "cluster",
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
    """The commands of COMMANDS. Any error is printed as a sentence, and its exit code is the process's."""

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
        """Run the command, and return what it returns. Print any error as a sentence, and exit with its code."""
        from labctl.errors import Interrupted

        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BrokenPipeError:  # nobody reads stdout any more
            ctx.exit(PIPE_CLOSED)
        except Interrupted as interrupted:
            _console(ctx).line("labctl: interrupted", at=0)
            ctx.exit(interrupted.exit_code)
        except Exception as error:  # noqa: BLE001 - no traceback reaches the user
            from labctl.diagnostics.redaction import Redactor, secrets_in
            from labctl.diagnostics.unexpected import as_lab_error

            known = as_lab_error(error)
            known.message, known.hint = Redactor(secrets_in(os.environ)).of((known.message, known.hint))
            _console(ctx).failed(known)
            ctx.exit(known.exit_code)


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
    from labctl.system.standard_streams import open_standard_streams, print_any_character, require_utf8

    open_standard_streams()
    require_utf8()
    print_any_character()
    install_handlers()
    raise_limit()
    keep_files_own()
    code = _flush(_run())
    # threads that a Kafka client left must not keep the process alive
    os._exit(code)


def _run() -> int:
    """Run the command, and return the exit code, also of what ends before or after it: --help, an interrupt."""
    from labctl.errors import Interrupted, LabError

    try:
        code = cli.main(prog_name="labctl", standalone_mode=False)  # also as kafka-labctl
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        code = error.exit_code
    except Interrupted as interrupted:
        code = interrupted.exit_code
    except click.Abort as abort:  # what click makes of an interrupt
        code = getattr(abort.__cause__, "exit_code", INTERRUPTED)
    except BrokenPipeError:
        code = PIPE_CLOSED
    except SystemExit as end:  # click's own: 0 after what a shell asks for completion, 1 where nobody reads the output
        code = PIPE_CLOSED if end.code else 0
    except LabError as error:  # from --help
        from labctl.cli.console import Console

        Console().failed(error)
        code = error.exit_code
    except OSError as error:  # from --version
        code = _unwritable(error)
    return code if isinstance(code, int) else 0


def _flush(code: int) -> int:
    """Return the exit code: another one where the end of the output can't be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            continue
        except OSError as error:
            if stream is sys.stdout and code == 0:
                code = _unwritable(error)
    return code


def _unwritable(error: OSError) -> int:
    """Print that stdout can't be written, and return the exit code."""
    from labctl.errors import HostError

    with contextlib.suppress(OSError):
        click.echo(f"labctl: stdout can't be written: {error.strerror}", err=True)
    return HostError.exit_code


def _console(ctx: click.Context) -> Console:
    """The console of the command; a new one where it ended before it had any."""
    from labctl.cli.console import Console

    return ctx.obj or Console()
