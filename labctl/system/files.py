"""Writing files: several at once, or in one rename where others may read meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import BinaryIO

from labctl.errors import HostError, unwritable
from labctl.system.own_folder import own_folder

PRIVATE_MODE = 0o600


@contextlib.contextmanager
def file_errors(path: str | Path, hint: str) -> Iterator[None]:
    """Raise HostError with `hint` in place of an OSError in the block. It names the error's file, or else `path`."""
    try:
        yield
    except OSError as error:
        raise unwritable(error.filename or path, error, hint) from None


def require_utf8_name(folder: Path, what: str) -> None:
    """Raise HostError where the name of a folder is not UTF-8: it could be in no file that labctl writes."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(folder).decode(errors="backslashreplace")
        raise HostError(f"{what} {shown} has a name that is not UTF-8", "rename it, or use another folder") from None


def is_there(path: Path) -> bool:
    """Return whether something is at `path`, if only a broken link.

    False where this user has no permission to see it.
    """
    return os.path.lexists(path)


def is_taken(folder: Path) -> bool:
    """Return whether `folder` exists and is not an empty folder. Raises HostError where it can't be read."""
    try:
        return is_there(folder) and not (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise HostError(f"{folder} can't be read: {error.strerror}", "name another folder: -o DIR") from None


def write_files(files: Mapping[str, str], folder: Path, hint: str, mode: int | None = None) -> list[Path]:
    """Write {path in `folder`: text}, with the permissions `mode`, and return the paths. No link is followed.

    Raises HostError with `hint`.
    """
    for path, text in files.items():
        target = folder / path
        try:
            with own_folder(folder, PurePath(path).parent, create=True) as parent:
                parent.write(target.name, text, mode)
        except OSError as error:  # not `file_errors`: the file is what the user knows, not the folder above it
            raise unwritable(target, error, hint) from None
    return [folder / path for path in files]


def write_file(path: Path, content: str, hint: str) -> None:
    """Write one file where the user said. A link to a file is replaced; a device or a pipe receives the content.

    Of a relative path no link is followed. Raises HostError with `hint`.
    """
    with writing_file(path, hint) as file:
        file.write(content.encode())


@contextlib.contextmanager
def writing_file(path: Path, hint: str) -> Iterator[BinaryIO]:
    """Yield a file where the user said, for the bytes of the block: see `write_file`. Raises HostError with `hint`."""
    with file_errors(path, hint):
        if path.exists() and not path.is_file():  # /dev/stdout is a link to one
            with path.open("wb") as device:
                yield device
            return
        with (
            own_folder(path.parent, typed=True) as parent,
            parent.writing(path.name, fresh=f"{path.name}.{os.getpid()}.part") as file,
        ):
            yield file


def write_whole(path: Path, text: str) -> None:
    """Write in one rename: a reader finds the old or the new text. Raises OSError."""
    with own_folder(path.parent, typed=True) as parent:
        parent.write(path.name, text)


def write_private(path: Path, text: str) -> None:
    """Write in one rename, readable by this user alone. Raises OSError."""
    with own_folder(path.parent, typed=True) as parent:
        parent.write(path.name, text, PRIVATE_MODE)
