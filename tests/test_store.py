import os
import shutil
import threading

import pytest

from labctl.errors import HostError, SpecError
from labctl.state.identity import new_cluster_id
from labctl.state.store import LabStore, refuse_other_source
from tests.fakes import create_record


def test_a_lab_is_kept_as_it_was_made(tmp_path):
    """What `create` wrote is what `load` gives."""
    store = LabStore(tmp_path / "s")
    assert store.load("lab") is None
    made = create_record(store)
    assert store.load("lab") == made
    assert store.names() == ["lab"]


def test_two_labs_share_neither_ports_nor_addresses(tmp_path):
    """`port: auto` and the loopback network are chosen free of each other."""
    store = LabStore(tmp_path / "s")
    one, other = create_record(store, "one").identity, create_record(store, "other").identity
    assert one.external_port != other.external_port
    assert one.loopback != other.loopback
    assert one.cluster_id != other.cluster_id


def test_a_removed_lab_is_gone_and_removing_it_again_is_no_error(tmp_path):
    """`remove` leaves nothing in the state folder."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    assert store.remove("lab")
    assert not store.remove("lab")
    assert list((store.root / "labs").iterdir()) == []


def test_a_half_removed_lab_is_swept(tmp_path):
    """A `remove` that was killed leaves a dotted folder, which the next `down` takes away."""
    store = LabStore(tmp_path / "s")
    (store.root / "labs" / ".lab.1234").mkdir()
    store.sweep()
    assert list((store.root / "labs").iterdir()) == []


def test_a_half_removed_lab_is_no_lab(tmp_path):
    """Its folder has another name than its record: nobody takes it for the lab that was made meanwhile."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    doomed = store.lab_folder(".lab.1234")
    shutil.copytree(store.lab_folder("lab"), doomed)
    assert store.names() == ["lab"]
    assert store.load(".lab.1234") is None


def test_a_lock_of_another_user_is_said(tmp_path):
    """Exit 3 with its path: one that a labctl of root left."""
    store = LabStore(tmp_path / "s")
    (store.root / "locks" / "lab.lock").mkdir()  # as unopenable, also for root
    with (
        pytest.raises(HostError, match=r"lab\.lock can't be written"),
        store.locked("lab", doing="up", seconds=0, note=print),
    ):
        pass
    assert not store.is_free("lab")


def test_a_torn_record_is_no_lab(tmp_path):
    """A lab.json that is not whole is treated as none."""
    store = LabStore(tmp_path / "s")
    create_record(store)
    (store.lab_folder("lab") / "lab.json").write_text('{"name": ')
    assert store.load("lab") is None


def test_the_same_name_from_another_file_is_refused(tmp_path):
    """Exit 2, saying where the first one lives."""
    record = create_record(LabStore(tmp_path / "s"), source="/a/lab.yaml")
    refuse_other_source(record, "/a/lab.yaml")
    with pytest.raises(SpecError, match=r"exists already, from /a/lab\.yaml"):
        refuse_other_source(record, "/b/lab.yaml")


def test_a_held_lab_says_who_holds_it(tmp_path):
    """The second labctl says that it waits, then which command and pid have the lab."""
    store = LabStore(tmp_path / "s")
    told, failed = [], []

    def second():
        try:
            with LabStore(tmp_path / "s").locked("lab", doing="down", seconds=0, note=told.append):
                pass
        except HostError as error:
            failed.append(error.message)

    with store.locked("lab", doing="up", seconds=1, note=told.append):
        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert told == [f"the lab lab is in use by `labctl up`, pid {os.getpid()}: waiting"]
    assert "in use by `labctl up`" in failed[0]


def test_a_state_folder_that_can_t_be_made_is_said(tmp_path):
    """A file where the folder should be: exit 3 with the path and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="can't be written") as refused:
        _ = LabStore(tmp_path / "file" / "s").root
    assert "XDG_STATE_HOME" in refused.value.hint


def test_cluster_ids_never_start_with_a_dash():
    """A leading - would be an option to Kafka's format tool."""
    assert not any(new_cluster_id().startswith("-") for _ in range(2000))
    assert all(len(new_cluster_id()) == 22 for _ in range(10))
