"""Text files that the user named."""

import os

import pytest

from labctl.errors import SpecError
from labctl.spec.text_file import LARGEST, read_text_file


def test_a_text_is_read_without_its_mark(tmp_path):
    """Editors of Windows put a byte order mark before the text."""
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbfname: \xc3\xa9")
    assert read_text_file(tmp_path / "file") == "name: \u00e9"


def test_what_is_no_file_is_refused(tmp_path):
    """A pipe without a writer would keep labctl waiting, a device has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path, what in (
        (tmp_path / "pipe", "a pipe or a device"),
        (tmp_path, "Is a directory"),
        (tmp_path / "x", "no such"),
    ):
        with pytest.raises(SpecError, match=what):
            read_text_file(path)


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path):
    """The place of the first byte that is no text is named."""
    (tmp_path / "large").write_bytes(b"#" * (LARGEST + 1))
    (tmp_path / "binary").write_bytes(b"a=\xff\xfe")
    with pytest.raises(SpecError, match="larger than 1,048,576 bytes"):
        read_text_file(tmp_path / "large")
    with pytest.raises(SpecError, match="not text in UTF-8: invalid start byte at byte 2"):
        read_text_file(tmp_path / "binary")
