"""Commands that stop, empty or remove labs: stop, reset, down, gc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli.commands import Command
from labctl.cli.options import json_option, lab_name, lab_options, lab_store, seconds_of
from labctl.cli.output import print_json

if TYPE_CHECKING:
    from labctl.cli.console import Console


@click.command(cls=Command)
@lab_options
@click.pass_obj
def stop(console: Console, file: Path | None, name: str | None) -> None:
    """Stop the lab and keep its data; `up` resumes it."""
    from labctl.lab import lifecycle

    lab = lab_name(file, name)
    stopped = lifecycle.stop(lab, lab_store(), console)
    console.line(f"stopped {lab}; its data is kept" if stopped else f"there is no lab {lab}: nothing to stop")


@click.command(cls=Command)
@lab_options
@json_option
@click.pass_obj
def reset(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """Empty the running lab without a restart.

    It aborts open transactions, deletes groups, topics, changed settings, quotas, users and ACLs, and creates what
    lab.yaml has again.
    """
    from labctl.kafka.reset import removed_lines
    from labctl.lab import lifecycle

    lab = lab_name(file, name)
    removed = lifecycle.reset(lab, lab_store(), console)
    if as_json:
        print_json({"lab": lab, "removed": [f"{kind} {name}" for kind, names in removed.items() for name in names]})
        return
    console.line(f"reset {lab}; its topics are new" + ("; removed:" if any(removed.values()) else ""))
    for line in removed_lines(removed):
        console.note(line)


@click.command(cls=Command)
@lab_options
@click.option("--all", "every", is_flag=True, help="Remove every lab of this user.")
@click.pass_obj
def down(console: Console, file: Path | None, name: str | None, every: bool) -> None:
    """Remove the lab: processes, data, files. Reports and lab.yaml stay."""
    from labctl.lab.ephemeral import down_each
    from labctl.lab.unrecorded import all_names

    store = lab_store()
    names = all_names(store) if every else [lab_name(file, name)]
    for lab, removed in down_each(names, store, console):
        others = f"; there are {', '.join(store.names())}" if store.names() else ""
        nothing = f"there is no lab {lab}: nothing to remove{others}"
        console.line(f"removed {', '.join(removed)}" if removed else nothing)
    if not names:
        console.line("there is no lab: nothing to remove")


@click.command(cls=Command)
@click.option("--older-than", metavar="AGE", help="Remove labs that are older too: 30m, 2h, 1d.")
@click.pass_obj
def gc(console: Console, older_than: str | None) -> None:
    """Remove orphaned labs.

    Incomplete labs, and those of `labctl run` and of test sessions that have ended.
    """
    from datetime import timedelta

    from labctl.lab import ephemeral

    age = timedelta(seconds=seconds_of("--older-than", older_than)) if older_than else None
    found = False
    for lab, removed in ephemeral.gc(lab_store(), console, age):
        found = True
        console.line(f"{lab}: removed {', '.join(removed) or 'nothing'}")
    if not found:
        console.line("there are no orphaned labs: nothing to remove")


COMMANDS = {"stop": stop, "reset": reset, "down": down, "gc": gc}
