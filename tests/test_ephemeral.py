"""Ephemeral labs, and the removal of orphaned and incomplete labs."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labctl.errors import HostError, NodeDied, SpecError
from labctl.lab import ephemeral, lifecycle
from labctl.lab.ephemeral import is_orphaned
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest
from labctl.spec.loader import parse_spec
from labctl.system import processes
from labctl.system.processes import ProcessId
from tests.fake_lab import TEXT


def test_run_refuses_a_missing_program_before_it_creates_the_lab(fake_lab):
    """`run` looks for its program first."""
    request = LabRequest(parse_spec(TEXT), "", fake_lab.folder)
    with pytest.raises(SpecError, match="no-such-program can't be run here"):
        ephemeral.run(request, fake_lab.store, NullReporter(), ["no-such-program"])
    assert fake_lab.runtime is None


def test_an_ephemeral_lab_belongs_to_one_run(fake_lab):
    """A second run of the same name is rejected and removes nothing."""
    me = ProcessId.of(os.getpid())
    assert me is not None
    other = replace(me, pid=1)
    fake_lab.up(owner=other)
    with pytest.raises(SpecError, match="does not belong to this run"):
        fake_lab.up(owner=me)
    assert fake_lab.store.load("lab").owner == other
    assert fake_lab.up(owner=other).status == "passed"


def test_a_kept_lab_is_not_orphaned(fake_lab):
    """`gc` does not remove a lab of `up --keep`."""
    fake_lab.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        fake_lab.up(keep=True)
    record = fake_lab.store.load("lab")
    assert (record.phase, is_orphaned(record)) == ("kept", False)


def test_down_checks_again_that_the_lab_is_orphaned(fake_lab):
    """The orphan may have become a lab again before `down` had its file lock."""
    fake_lab.up()
    assert lifecycle.down("lab", fake_lab.store, NullReporter(), only_if=is_orphaned) == []
    assert fake_lab.store.names() == ["lab"]


def test_a_lab_that_can_t_be_removed_does_not_keep_the_others(fake_lab, monkeypatch):
    """All are attempted, then the failure is raised."""
    fake_lab.up()
    (fake_lab.store.root / "labs" / "first").mkdir()
    lifecycle_down = lifecycle.down

    def down(name, *arguments):
        if name == "first":
            raise HostError("no Docker Engine responds")
        return lifecycle_down(name, *arguments)

    monkeypatch.setattr(ephemeral, "down", down)
    removed = []
    with pytest.raises(HostError, match="no Docker Engine"):
        removed.extend(name for name, _objects in ephemeral.down_each(["first", "lab"], fake_lab.store, NullReporter()))
    assert fake_lab.store.load("lab") is None


def test_processes_of_a_lab_whose_record_can_t_be_read_are_ended(fake_lab, monkeypatch):
    """They are found by the mark in their command lines: without it they would outlive the lab's data."""
    fake_lab.up()
    folder = fake_lab.store.lab_folder("lab")
    (folder / "lab.json").write_text("{}")
    (fake_lab.store.root / "records" / "lab.json").unlink()
    node, page = SimpleNamespace(pid=7), SimpleNamespace(pid=8)
    other = SimpleNamespace(pid=9)
    found = [
        (node, [f"-Dlabctl.lab={folder}"]),
        (other, [f"-Dlabctl.lab={folder}2"]),
        (page, [f"labctl.page={folder}"]),
    ]
    killed = []
    monkeypatch.setattr(processes, "_own", lambda: iter(found))
    monkeypatch.setattr(processes, "kill", killed.extend)
    assert lifecycle.down("lab", fake_lab.store, NullReporter()) == [
        "process 7",
        "process 8",
        "data of incomplete lab lab",
    ]
    assert killed == [node, page]


def test_gc_only_reports_a_lab_whose_record_can_t_be_read(fake_lab, monkeypatch):
    """A newer labctl may have written it: its nodes run, and the user decides."""
    fake_lab.up()
    (fake_lab.store.lab_folder("lab") / "lab.json").write_text("{}")
    (fake_lab.store.root / "records" / "lab.json").unlink()
    monkeypatch.setattr(processes, "of_lab", lambda _folder: [SimpleNamespace(pid=7)])
    notes = []
    assert list(ephemeral.gc(fake_lab.store, SimpleNamespace(note=notes.append))) == []
    (note,) = notes
    assert "lab.json of the lab lab is lost or can't be read, and its processes run (pid 7)" in note
