"""Errors that no part of labctl expected."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from labctl.diagnostics.unexpected import KEPT, as_lab_error
from labctl.errors import Defect, HostError, SpecError


def raised(error):
    """Return the error as it is after it was raised."""
    try:
        raise error  # noqa: TRY301 - to have a traceback
    except Exception as caught:  # noqa: BLE001 - any kind
        return caught


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Set a state folder of the test's own, and return it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "labctl"


def test_a_defect_is_one_sentence_and_a_file(state, monkeypatch):
    """The file has the traceback and the command, without secrets."""
    monkeypatch.setenv("MY_PASSWORD", "s3cret-value")
    error = as_lab_error(raised(ValueError("no s3cret-value here")))
    (path,) = (state / "defects").glob("*.txt")
    assert isinstance(error, Defect)
    assert error.exit_code == 70
    assert error.message == "a defect in labctl: ValueError: no s3cret-value here"  # the caller hides secrets
    assert error.hint == f"please report it, with the file {path}"
    text = path.read_text()
    assert "Traceback" in text
    assert "s3cret-value" not in text
    assert path.stat().st_mode & 0o077 == 0


def test_only_the_newest_files_are_kept(state):
    """They are for a report that is made soon."""
    (state / "defects").mkdir(parents=True, mode=0o700)
    for number in range(KEPT + 5):
        (state / "defects" / f"2020010{number:04}.txt").write_text("old")
    as_lab_error(raised(ValueError()))
    assert len(list((state / "defects").glob("*.txt"))) == KEPT


def test_a_defect_without_a_state_folder(tmp_path, monkeypatch):
    """The system's folder for temporary files has the file then; without that there is none."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = Path(as_lab_error(raised(ValueError())).hint.rpartition(" ")[2])
    assert (path.parent, path.exists()) == (tmp_path, True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert as_lab_error(raised(ValueError())).hint == "please report it"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "/some/file can't be written: No space left on device"),
        (errno.EMFILE, "as many open files as it may have"),
        (errno.EAGAIN, "as many processes and threads as it may have"),
    ],
)
def test_what_the_machine_lacks_is_named(number, sentence):
    """It is no defect: exit code 3."""
    error = as_lab_error(raised(OSError(number, os.strerror(number), "/some/file")))
    assert isinstance(error, HostError)
    assert sentence in error.message


def test_a_thread_that_the_system_refuses_is_named():
    """Python raises a RuntimeError, without a number."""
    error = as_lab_error(raised(RuntimeError("can't start new thread")))
    assert (error.fault, error.exit_code) == ("too-many-threads", 3)


def test_a_current_folder_that_was_removed(tmp_path, monkeypatch):
    """Any error of a file is explained by it."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert as_lab_error(raised(FileNotFoundError())).message == "the current folder does not exist any more"


def test_an_error_that_labctl_knows_stays():
    """It has a sentence already."""
    known = SpecError(["a sentence"])
    assert as_lab_error(known) is known
