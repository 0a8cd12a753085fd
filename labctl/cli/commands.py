"""What all commands share: groups, and labctl's own options after a command's name."""

from __future__ import annotations

from typing import Any

import click

PASS_OPTIONS_ON = {"allow_interspersed_args": False}  # an option after the first argument belongs to that command


class _WithHelp(click.Command):
    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option --help; it prints as all commands do, so that a full stdout is named."""
        option = super().get_help_option(ctx)
        if option:
            option.callback = _print_help
        return option


class Command(_WithHelp):
    """A command that accepts labctl's own -v, -q and --no-color too: people type them after its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for flags, attribute, value in ((("-v", "--verbose"), "verbosity", 2), (("-q", "--quiet"), "verbosity", 0)):
            self.params.append(_console_option(flags, attribute, value))
        self.params.append(_console_option(("--no-color",), "color", False))


class CommandGroup(_WithHelp, click.Group):
    """A group of such commands, in the order in which they were added."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of its commands."""
        return list(self.commands)


def _console_option(flags: tuple[str, ...], attribute: str, value: int) -> click.Option:
    def apply(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
        if given:
            setattr(ctx.obj, attribute, value)

    return click.Option(flags, is_flag=True, hidden=True, expose_value=False, callback=apply)


def _print_help(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        from labctl.cli.output import print_raw

        print_raw(f"{ctx.get_help()}\n")
        ctx.exit()
