"""Folders for what a command writes on the way, such as a browser's profile: known by their process, and swept."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from labctl.system.files import file_errors
from labctl.system.processes import ProcessId

FOLDER = "work"  # in the state folder
SHORT_PLACES = ("/tmp", "/var/tmp")  # noqa: S108 - for a private folder of a random name
SPACE = "free some space, or fix the folder"
OWNER = ".owner"


@contextlib.contextmanager
def work_folder(root: Path, prefix: str, place: Path | None = None, remedy: str = SPACE) -> Iterator[Path]:
    """Create a private folder for the block, in the state folder `root` or in `place`, and remove it afterwards.

    Where labctl is killed before that, `sweep` removes it. Raises HostError where it can't be created; `remedy` is for
    a `place` that can't be written.
    """
    sweep(root)
    base = _base(root)
    name = f"{prefix}-{secrets.token_hex(4)}"
    folder = (place or base) / name
    owner = ProcessId.of(os.getpid())
    with file_errors(base, SPACE):
        if owner:
            owner.save(base / f"{name}{OWNER}")
        if place:
            (base / name).symlink_to(folder.absolute())
    with file_errors(folder, remedy):
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove(base / name)


def short_place() -> Path | None:
    """Return where the path of a folder is short enough for sockets in it (unix(7)); None where none can be written."""
    return next((Path(place) for place in SHORT_PLACES if os.access(place, os.W_OK)), None)


def sweep(root: Path) -> None:
    """Remove the folders whose process has ended; `root` is the state folder."""
    for owner in (root / FOLDER).glob(f"*{OWNER}"):
        process = ProcessId.load(owner)
        if process is None or process.process() is None:
            _remove(owner.with_suffix(""))


def _base(root: Path) -> Path:
    base = root / FOLDER
    with file_errors(base, SPACE):
        base.mkdir(mode=0o700, exist_ok=True)
    return base


def _remove(entry: Path) -> None:
    """Remove a folder by its entry in the state folder, which is the folder itself or a link to it."""
    with contextlib.suppress(OSError):
        if entry.is_symlink():
            folder = entry.readlink()
            if folder.name == entry.name and not folder.is_symlink():  # the random name says that it is ours
                shutil.rmtree(folder, ignore_errors=True)
            entry.unlink()
        shutil.rmtree(entry, ignore_errors=True)
        entry.with_name(f"{entry.name}{OWNER}").unlink(missing_ok=True)
