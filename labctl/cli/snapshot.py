"""The commands `labctl snapshot …` and `labctl export`: whole labs, kept or as files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.commands import Command, CommandGroup
from labctl.cli.options import json_option, lab_name, lab_options, lab_store
from labctl.cli.output import print_json, print_text

if TYPE_CHECKING:
    from labctl.cli.console import Console
    from labctl.lab.saved_lab import SavedLab


@click.group(cls=CommandGroup)
def snapshot() -> None:
    """Keep the whole state of the lab under a name, and return to it.

    A snapshot has records, offsets, groups, schemas and connectors, exactly as they were. It belongs to the lab:
    `labctl down` removes it. The lab is stopped meanwhile, and started again if it was running.
    """


@snapshot.command(cls=Command)
@lab_options
@click.argument("snapshot")
@click.pass_obj
def save(console: Console, file: Path | None, name: str | None, snapshot: str) -> None:
    """Keep the state of the lab as SNAPSHOT."""
    from labctl.lab.snapshots import save_snapshot

    lab = lab_name(file, name)
    with _running_again(lab, console):
        saved = save_snapshot(lab, snapshot, lab_store(), console)
        console.line(f"saved {_described(saved)} as {snapshot}")


@snapshot.command(cls=Command)
@lab_options
@click.argument("snapshot")
@click.pass_obj
def restore(console: Console, file: Path | None, name: str | None, snapshot: str) -> None:
    """Give the lab the state of SNAPSHOT, and start it. What happened since is lost."""
    from labctl.lab.snapshots import restore_snapshot

    lab = lab_name(file, name)
    saved = restore_snapshot(lab, snapshot, lab_store(), console)
    console.line(f"restored {_described(saved)} from {snapshot}")
    _start(lab, console)


@snapshot.command(cls=Command, name="ls")
@lab_options
@json_option
@click.pass_obj
def snapshot_ls(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """List the snapshots of the lab."""
    from labctl.lab.snapshots import list_snapshots

    found = list_snapshots(lab_name(file, name), lab_store(), console)
    if as_json:
        print_json([_document(saved) for saved in found])
    elif not found:
        print_text("no snapshots; labctl snapshot save NAME creates one\n")
    else:
        for saved in found:
            print_text(
                f"{saved.folder.name}  {saved.created_at}  Kafka {saved.kafka_version}  {saved.bytes // 2**20} MiB\n"
            )


@snapshot.command(cls=Command)
@lab_options
@click.argument("snapshot")
@click.pass_obj
def delete(console: Console, file: Path | None, name: str | None, snapshot: str) -> None:
    """Delete SNAPSHOT."""
    from labctl.lab.snapshots import delete_snapshot

    delete_snapshot(lab_name(file, name), snapshot, lab_store(), console)
    console.line(f"deleted {snapshot}")


@click.command(cls=Command)
@lab_options
@click.argument("output", type=click.Path(path_type=Path), metavar="FILE")
@click.pass_obj
def export(console: Console, file: Path | None, name: str | None, output: Path) -> None:
    """Write the whole lab into FILE: `labctl up --from FILE` creates it again, on any machine and in any runtime.

    FILE has records, offsets, groups, schemas, connectors and lab.yaml, verified by checksums, and no secret. The lab
    is stopped meanwhile, and started again if it was running.
    """
    from labctl.lab.export import export_lab

    lab = lab_name(file, name)
    with _running_again(lab, console):
        saved = export_lab(lab, output, lab_store(), console)
        console.line(f"wrote {_described(saved)} to {output} ({output.stat().st_size / 1e6:.1f} MB)")


@contextlib.contextmanager
def _running_again(lab: str, console: Console) -> Iterator[None]:
    """Start a lab again that was running before the block, also where the block fails."""
    from labctl.lab.existing import open_lab

    store = lab_store()
    was_running = open_lab(lab, store, console).state() == "running"
    try:
        yield
    finally:
        if was_running and open_lab(lab, store, console).state() == "stopped":
            _start(lab, console)


def _start(lab: str, console: Console) -> None:
    """Start the lab again, as it was."""
    from labctl.lab.existing import recorded_spec
    from labctl.lab.lifecycle import up
    from labctl.lab.request import LabRequest

    store = lab_store()
    record = store.load(lab)
    if record:
        spec = recorded_spec(record).model_copy(update={"checks": "none"})
        up(LabRequest(spec, record.source, Path(record.folder)), store, console)


def _described(saved: SavedLab) -> str:
    return f"the lab {saved.name}, {saved.bytes / 1e6:.1f} MB of data"


def _document(saved: SavedLab) -> dict[str, Any]:
    return {
        "name": saved.folder.name,
        "created_at": saved.created_at,
        "kafka_version": saved.kafka_version,
        "bytes": saved.bytes,
    }


COMMANDS = {"snapshot": snapshot, "export": export}
