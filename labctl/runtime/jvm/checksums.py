"""Verifying files by their sha256: in parallel, and each once per boot of the machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from labctl.system.files import write_whole
from labctl.system.parallel import run_all
from labctl.system.processes import boot_id

# a file that changes twice within the clock's tick keeps its ctime (git calls such a file racy)
SETTLED_SECONDS = 2


def sha256(path: Path) -> str | None:
    """Return the sha256 of the file's content, in hexadecimal; None where it can't be read."""
    return checksum(path, "sha256")


def checksum(path: Path, algorithm: str) -> str | None:
    """Return the checksum of the file's content by an algorithm of hashlib, in hexadecimal; None as `sha256`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError:
        return None


def mismatched(sums: Mapping[Path, str], checksum_cache: Path | None = None) -> list[Path]:
    """Return the files of {file: sha256} that are missing or have another content.

    With `checksum_cache`, a file in which verified files are kept: a file that was verified since the machine booted is
    not read again while its ctime stays the same, which no program can set.
    """
    before = _load(checksum_cache) if checksum_cache else {}
    now = {path: _fingerprint(path, expected) for path, expected in sums.items()}
    unverified = [
        path for path, fingerprint in now.items() if fingerprint is None or fingerprint != before.get(str(path))
    ]
    read = run_all([partial(sha256, path) for path in unverified], os.cpu_count() or 1)
    found = dict(zip(unverified, read, strict=True))
    wrong = [path for path in unverified if found[path] != sums[path]]
    verified = {str(path): fingerprint for path, fingerprint in now.items() if fingerprint and path not in wrong}
    if checksum_cache and verified != before:
        with contextlib.suppress(OSError):  # then the files are read again next time
            write_whole(checksum_cache, json.dumps({"boot": boot_id(), "files": verified}))
    return wrong


def _fingerprint(path: Path, expected: str) -> str | None:
    """What distinguishes this content of the file from any other, or None where nothing does."""
    try:
        stat = path.stat()
    except OSError:
        return None
    if time.time() - stat.st_ctime < SETTLED_SECONDS or not boot_id():
        return None
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {expected}"


def _load(path: Path) -> dict[str, str]:
    """{file: its fingerprint} of the files that were verified since the machine booted."""
    try:
        kept = json.loads(path.read_text())
        return dict(kept["files"]) if kept["boot"] == boot_id() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
