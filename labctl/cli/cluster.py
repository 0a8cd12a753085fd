"""Commands that break a cluster on purpose, or change it while it runs: node, drill, upgrade, controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.commands import Command, CommandGroup
from labctl.cli.options import TableChoice, json_option, lab_name, lab_options, lab_store, reports_run
from labctl.cli.output import print_json, print_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.cli.console import Console

ABOUT = {
    "stop": "Stop NODE as an operator does: it hands its partitions over first (SIGTERM).",
    "start": "Start NODE again, and wait until it has its place in the cluster.",
    "kill": "End NODE at once, as a power cut does (SIGKILL).",
    "pause": "Freeze NODE: it keeps its connections, and does nothing (SIGSTOP, docker pause).",
    "resume": "Let a paused NODE work again.",
}


def _drills() -> Iterable[str]:
    from labctl.drills.table import DRILLS

    return DRILLS


@click.group(cls=CommandGroup)
def node() -> None:
    """Stop, start, kill, pause or resume one node.

    Each command waits until Kafka reports the change, then shows the quorum, and the partitions whose leader or ISR
    changed. `labctl status` lists the nodes.
    """


def _node_command(action: str) -> click.Command:
    @click.command(action, cls=Command, help=ABOUT[action])
    @click.argument("node")
    @lab_options
    @json_option
    @click.pass_obj
    def command(console: Console, node: str, file: Path | None, name: str | None, as_json: bool) -> None:
        from labctl.cli.node_output import change_document, change_text
        from labctl.lab.nodes import change_node

        change = change_node(lab_name(file, name), action, node, lab_store(), console)
        print_json(change_document(change)) if as_json else print_text(change_text(change))

    return command


for each in ABOUT:
    node.add_command(_node_command(each))


@click.command(cls=Command)
@lab_options
@click.argument("kind", metavar="DRILL", type=TableChoice(_drills))
@click.option("--times", type=click.IntRange(1, 1000), default=1, show_default=True, help="Run it so many times.")
@click.option(
    "--acks",
    type=click.Choice(["all", "1", "0"]),
    default="all",
    show_default=True,
    help="The writer's acks; with all it is idempotent.",
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 20_000),
    default=1000,
    show_default=True,
    help="How many the drill partitions creates.",
)
@click.option("--to", "version", metavar="VERSION", help="The newer Kafka of the drill upgrade.")
@json_option
@click.pass_obj
@reports_run
def drill(console: Console, /, file: Path | None, name: str | None, kind: str, as_json: bool, **options: Any) -> None:
    """Break a running cluster, and count the records.

    \b
    leader      kill the leader of a partition
    controller  kill the leader of the metadata quorum
    broker      stop a broker, which hands its partitions over first
    rolling     stop and start each node, one after another
    isolate     cut a leader off from clients and from the other nodes
    partitions  create many partitions, then kill a leader
    upgrade     upgrade each node to a newer Kafka, one after another

    A writer, a reader and a group are at work meanwhile: how long do they wait, and what do they lose? Exit code 1
    where acknowledged records were lost, duplicated or out of order. Afterwards the lab is as it was.
    """  # noqa: D301 - click reads \b as the character
    from labctl.lab.drill import DrillOptions
    from labctl.lab.drill import drill as run_drill
    from labctl.report.terminal import drill_lines

    run = run_drill(lab_name(file, name), kind, DrillOptions(**options), lab_store(), console)
    for done in run.drills:
        for line in drill_lines(done):
            console.line(line)
    for path in [path for path in run.files if path.endswith(".html")]:
        console.line(f"  report: {path}")


@click.command(cls=Command)
@lab_options
@click.option("--to", "version", metavar="VERSION", required=True, help="The newer version of Kafka.")
@click.option("--no-finalize", is_flag=True, help="Keep the cluster's features as they are: it can still go back.")
@json_option
@click.pass_obj
def upgrade(
    console: Console, file: Path | None, name: str | None, version: str, no_finalize: bool, as_json: bool
) -> None:
    """Upgrade a running lab to a newer Kafka.

    One node after another: each is stopped when every ISR is full, and starts with the new Kafka. Then the features of
    the new Kafka are finalized, and there is no way back.
    """
    from dataclasses import asdict

    from labctl.cli.node_output import upgrade_text
    from labctl.lab.upgrade import upgrade as upgrade_lab

    done = upgrade_lab(lab_name(file, name), version, lab_store(), console, finalize=not no_finalize)
    print_json(asdict(done)) if as_json else print_text(upgrade_text(done))


@click.group(cls=CommandGroup)
def controller() -> None:
    """Add or remove voters of a running quorum.

    They are isolated controllers. It needs `kafka: {controllers: 3, quorum: dynamic}` in lab.yaml, and Kafka 4.1 or
    newer.
    """


@controller.command(cls=Command)
@lab_options
@json_option
@click.pass_obj
def add(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """Start one more controller, and make it a voter."""
    from labctl.cli.node_output import show_quorum
    from labctl.lab.controllers import add as add_to_quorum

    show_quorum(add_to_quorum(lab_name(file, name), lab_store(), console), as_json)


@controller.command(cls=Command)
@click.argument("node", required=False)
@lab_options
@json_option
@click.pass_obj
def remove(console: Console, node: str | None, file: Path | None, name: str | None, as_json: bool) -> None:
    """Take the vote of NODE away (default: of the newest controller), and remove it with its data."""
    from labctl.cli.node_output import show_quorum
    from labctl.lab.controllers import remove as remove_from_quorum

    show_quorum(remove_from_quorum(lab_name(file, name), node, lab_store(), console), as_json)


COMMANDS = {"controller": controller, "node": node, "drill": drill, "upgrade": upgrade}
