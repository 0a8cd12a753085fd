"""Files: those that others read while they are written, and many at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from labctl.errors import HostError, unwritable


def is_there(path: Path) -> bool:
    """Whether there is something at `path`, if only a broken link. False where this user may not look."""
    return os.path.lexists(path)


def is_taken(folder: Path) -> bool:
    """Whether `folder` is there and is no empty folder. Raises HostError."""
    try:
        return is_there(folder) and not (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise HostError(f"{folder} can't be read: {error.strerror}", "name another folder: -o DIR") from None


def write_files(files: Mapping[str, str], folder: Path, hint: str, mode: int | None = None) -> list[Path]:
    """Write {path in `folder`: text}, with the permissions `mode`; where they lie now. Raises HostError with `hint`."""
    targets = []
    for path, text in files.items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            if mode is not None:
                target.chmod(mode)
        except OSError as error:
            raise unwritable(target, error, hint) from None
        targets.append(target)
    return targets


def write_whole(path: Path, text: str) -> None:
    """Write in one rename: who reads sees the old text or the new one. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
