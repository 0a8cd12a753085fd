"""What all commands share: groups, and labctl's own options after a command's name."""

from __future__ import annotations

from typing import Any

import click

PASS_OPTIONS_ON = {"allow_interspersed_args": False}  # an option after the first argument belongs to that command


class Command(click.Command):
    """A command that accepts labctl's own -v, -q and --no-color too: people type them after its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for flags, attribute, value in ((("-v", "--verbose"), "verbosity", 2), (("-q", "--quiet"), "verbosity", 0)):
            self.params.append(_console_option(flags, attribute, value))
        self.params.append(_console_option(("--no-color",), "color", False))


class CommandGroup(click.Group):
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
