"""Files held against their sha256: several at once, and each once in a run of the machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from labctl.files import write_whole
from labctl.parallel import run_all
from labctl.processes import boot_id

# a file that is changed twice within the clock's tick keeps its ctime (git calls such a file racy)
SETTLED_SECONDS = 2


def sha256(path: Path) -> str | None:
    """Of the file's content, in hexadecimal; None where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def altered(sums: Mapping[Path, str], noted: Path | None = None) -> list[Path]:
    """The files of {file: sha256} that are missing or have another content.

    With `noted`, a file of notes: one that was right before in this run of the machine is not read again while the
    system has seen no change of it, by its ctime, which no program can set.
    """
    before = _notes(noted) if noted else {}
    now = {path: _seen(path, expected) for path, expected in sums.items()}
    unsure = [path for path, seen in now.items() if seen is None or seen != before.get(str(path))]
    read = run_all([partial(sha256, path) for path in unsure], os.cpu_count() or 1)
    found = dict(zip(unsure, read, strict=True))
    wrong = [path for path in unsure if found[path] != sums[path]]
    right = {str(path): seen for path, seen in now.items() if seen and path not in wrong}
    if noted and right != before:
        with contextlib.suppress(OSError):  # read again next time, then
            write_whole(noted, json.dumps({"boot": boot_id(), "files": right}))
    return wrong


def _seen(path: Path, expected: str) -> str | None:
    """What tells this content of the file from any other, or None where nothing does."""
    try:
        found = path.stat()
    except OSError:
        return None
    if time.time() - found.st_ctime < SETTLED_SECONDS or not boot_id():
        return None
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {expected}"


def _notes(path: Path) -> dict[str, str]:
    """{file: as `_seen` told it} of those that were right in this run of the machine."""
    try:
        notes = json.loads(path.read_text())
        return dict(notes["files"]) if notes["boot"] == boot_id() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
