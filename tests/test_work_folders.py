"""Folders for what a command writes on the way."""

import pytest

from labctl.state.work_folders import FOLDER, sweep, work_folder
from labctl.system.processes import ProcessId


@pytest.fixture
def root(tmp_path):
    """Return a state folder."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def names(folder):
    """Return the names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_lasts_as_long_as_the_block(root, tmp_path, beside):
    """It is private, and removed with all that is in it, also after an error."""
    place = tmp_path / "place" if beside else None
    (tmp_path / "place").mkdir()
    with pytest.raises(ValueError, match="x"), work_folder(root, "image", place) as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "file").touch()
        assert folder.parent == (place or root / FOLDER)
        raise ValueError("x")
    assert names(root / FOLDER) == names(tmp_path / "place") == []


@pytest.mark.parametrize("beside", [False, True])
def test_the_folder_of_a_process_that_was_killed_is_swept(root, tmp_path, monkeypatch, beside):
    """The next command removes it; that of a process that runs stays."""
    place = tmp_path / "place" if beside else None
    (tmp_path / "place").mkdir()
    killed = work_folder(root, "evidence.zip", place)
    with monkeypatch.context() as patched:
        patched.setattr(ProcessId, "of", lambda _pid: ProcessId(2**22, 1.0, "another boot"))
        folder = killed.__enter__()
    (folder / "file").touch()
    with work_folder(root, "image") as other:
        assert not folder.exists()
        sweep(root)
        assert other.exists()
    assert names(root / FOLDER) == names(tmp_path / "place") == []
    killed.gen.close()


def test_a_link_to_something_else_is_not_followed(root, tmp_path):
    """Only a folder with the random name of its entry is removed."""
    (root / FOLDER).mkdir()
    (tmp_path / "mine").mkdir()
    (root / FOLDER / "image-1").symlink_to(tmp_path / "mine")
    (root / FOLDER / "image-1.owner").write_text("{}")
    sweep(root)
    assert (tmp_path / "mine").exists()
    assert names(root / FOLDER) == []
