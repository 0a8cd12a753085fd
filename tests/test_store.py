import os
import shutil
import threading
from types import SimpleNamespace

import pytest

from labctl.errors import HostError, SpecError
from labctl.lab.existing import restore_record
from labctl.state.identity import new_cluster_id
from labctl.state.store import LabStore, refuse_other_source
from tests.fakes import create_record


def test_a_created_record_is_loaded_unchanged(tmp_path):
    """`load` returns what `create` wrote."""
    store = LabStore(tmp_path / "s")
    assert store.load("lab") is None
    record = create_record(store)
    assert store.load("lab") == record
    assert store.names() == ["lab"]


def test_two_labs_share_neither_ports_nor_addresses(tmp_path):
    """`port: auto` and the loopback network differ between the labs."""
    store = LabStore(tmp_path / "s")
    first, other = create_record(store, "first").identity, create_record(store, "other").identity
    assert first.external_port != other.external_port
    assert first.loopback != other.loopback
    assert first.cluster_id != other.cluster_id


def test_a_removed_lab_is_gone_and_removing_it_again_is_no_error(tmp_path):
    """`remove` leaves nothing in the state folder."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    assert store.remove("lab")
    assert not store.remove("lab")
    assert list((store.root / "labs").iterdir()) == []


def test_the_folder_of_a_half_removed_lab_is_deleted(tmp_path):
    """A killed `remove` leaves a folder whose name starts with a dot; the next `down` deletes it."""
    store = LabStore(tmp_path / "s")
    (store.root / "labs" / ".lab.1234").mkdir()
    store.sweep()
    assert list((store.root / "labs").iterdir()) == []


def test_a_half_removed_lab_is_no_lab(tmp_path):
    """Its folder has another name than its record, so it is not mistaken for a lab that was created meanwhile."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    remains = store.lab_folder(".lab.1234")
    shutil.copytree(store.lab_folder("lab"), remains)
    assert store.names() == ["lab"]
    assert store.load(".lab.1234") is None


def test_who_held_a_lock_is_swept(tmp_path):
    """A killed labctl leaves the file with its command and pid; that of one at work stays."""
    store = LabStore(tmp_path / "s")
    (store.root / "locks" / "killed.holder").write_text("`labctl run`, pid 7\n")
    with store.locked("lab", doing="up", seconds=0, note=print):
        store.sweep()
        assert [path.name for path in (store.root / "locks").glob("*.holder")] == ["lab.holder"]


def test_a_lock_file_of_another_user_is_reported(tmp_path):
    """Exit code 3 with the path: root's labctl may have left the file."""
    store = LabStore(tmp_path / "s")
    (store.root / "locks" / "lab.lock").mkdir()  # can't be opened, not even by root
    with (
        pytest.raises(HostError, match=r"lab\.lock can't be written"),
        store.locked("lab", doing="up", seconds=0, note=print),
    ):
        pass
    assert not store.is_free("lab")


@pytest.mark.parametrize(("old", "new"), [("}", ""), ('"brokers": 1', '"brokers": "one"'), ('"kafka":', '"other":')])
def test_an_incomplete_record_is_no_lab(tmp_path, old, new):
    """A record that can't be used is treated like a missing file, and so is its copy."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    for path in (store.lab_folder("lab") / "lab.json", store.root / "records" / "lab.json"):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    assert store.load("lab") is None
    assert not store.is_damaged("lab")


@pytest.mark.parametrize("damage", ["the file is empty", "the file is gone", "the folder is gone"])
def test_a_record_that_is_lost_is_restored_from_its_copy(tmp_path, damage):
    """Its nodes may still run: `ls`, `up` and `down` know the lab as before. The copy goes with the lab."""
    store = LabStore(tmp_path / "s")
    record = create_record(store)
    folder = store.lab_folder("lab")
    (folder / "lab.json").write_text("")
    if damage != "the file is empty":
        (folder / "lab.json").unlink()
    if damage == "the folder is gone":
        folder.rmdir()
    notes = []
    assert store.names() == ["lab"]
    assert store.load("lab") == record
    restore_record(record, store, SimpleNamespace(note=notes.append))
    restore_record(record, store, SimpleNamespace(note=notes.append))
    assert notes == ["lab.json of the lab lab was lost or damaged: it is restored from its copy"]
    assert store.remove("lab")
    assert (store.names(), store.load("lab")) == ([], None)


@pytest.mark.parametrize("method", ["names", "remove"])
def test_an_error_of_the_file_system_has_a_remedy(tmp_path, monkeypatch, method):
    """The store raises HostError with the path, not OSError."""
    store = LabStore(tmp_path / "s")
    create_record(store)

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(HostError, match=r"labs.* can't be written: Permission denied") as failed:
        getattr(store, method)(*(["lab"] if method == "remove" else []))
    assert failed.value.hint


def test_the_same_name_from_another_file_is_refused(tmp_path):
    """The error has exit code 2 and names the file of the existing lab."""
    record = create_record(LabStore(tmp_path / "s"), source="/a/lab.yaml")
    refuse_other_source(record, "/a/lab.yaml")
    with pytest.raises(SpecError, match=r"exists already, from /a/lab\.yaml"):
        refuse_other_source(record, "/b/lab.yaml")


def test_a_lab_in_use_is_reported_with_its_user(tmp_path):
    """The second labctl reports that it waits, and which command and pid use the lab."""
    store = LabStore(tmp_path / "s")
    notes, errors = [], []

    def second():
        try:
            with LabStore(tmp_path / "s").locked("lab", doing="down", seconds=0, note=notes.append):
                pass
        except HostError as error:
            errors.append(error.message)

    with store.locked("lab", doing="up", seconds=1, note=notes.append):
        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert notes == [f"the lab lab is in use by `labctl up`, pid {os.getpid()}: waiting"]
    assert "in use by `labctl up`" in errors[0]


def test_a_state_folder_that_can_t_be_created_is_reported(tmp_path):
    """A file has the folder's name: exit code 3, with the path and a remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="can't be written") as refused:
        _ = LabStore(tmp_path / "file" / "s").root
    assert "XDG_STATE_HOME" in refused.value.hint


def test_cluster_ids_never_start_with_a_dash():
    """Kafka's format tool would read a leading - as an option."""
    assert not any(new_cluster_id().startswith("-") for _ in range(2000))
    assert all(len(new_cluster_id()) == 22 for _ in range(10))
