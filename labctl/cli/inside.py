"""exec: run a program in a node."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import PASS_OPTIONS_ON, Command
from labctl.cli.options import lab_options, opened_lab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.cli.console import Console

FOLDERS = "(?:opt|etc|var/lib)/kafka/"  # in which a person types paths
CHANGED_PATH = re.compile(rf"^(?:[\w-]+=)?[A-Za-z]:[/\\][^:]+?(?P<path>/{FOLDERS}.*)$")
DOUBLE_SLASH = re.compile(rf"^//(?={FOLDERS})")


@click.command(cls=Command, context_settings=PASS_OPTIONS_ON)
@lab_options
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_obj
def exec_(console: Console, file: Path | None, name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Run a Kafka tool or a program inside NODE.

    labctl exec broker -- kafka-topics.sh --list --bootstrap-server broker:9092
    """
    from labctl.errors import LabStopped, SpecError

    command = command[1:] if command[0] == "--" else command
    if not command or command[0].startswith("-"):
        raise SpecError(
            ["exec needs its options first, then NODE, then the command: labctl exec --name X broker -- ls"]
        )
    command = paths_in_node(command)
    lab = opened_lab(file, name, console)
    states = {state.name: state.state for state in lab.runtime.nodes()}
    if states.get(node, "running") != "running":
        raise LabStopped(f"node {node} of the lab {lab.plan.name} is not running", "labctl up starts it")
    code = lab.runtime.exec_interactive(node, list(command), tty=sys.stdin.isatty() and sys.stdout.isatty())
    click.get_current_context().exit(code)


def paths_in_node(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command with the paths as a node has them: a person may type //opt/… in Git Bash.

    Git Bash, a shell of Windows, changes /opt/kafka/… to C:/Program Files/Git/opt/kafka/… before it starts a program.
    Raises SpecError for such a path.
    """
    from labctl.errors import SpecError

    for argument in command:
        if changed := CHANGED_PATH.search(argument):
            raise SpecError(
                [f"{argument} is no path in a node: Git Bash on Windows changed {changed['path']}"],
                f"type //{changed['path'].lstrip('/')}, or a Kafka tool without its folder; "
                "or run export MSYS_NO_PATHCONV=1 first",
            )
    return tuple(DOUBLE_SLASH.sub("/", argument) for argument in command)


COMMANDS = {"exec": exec_}
