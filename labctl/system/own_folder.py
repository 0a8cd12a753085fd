"""Folders below which somebody else may have prepared links: opened by descriptor, and no link is followed.

A repository can contain a link in place of `.labctl`; another user can create it first in a folder like /tmp. So every
folder below the working folder is opened from the one above it (openat(2), O_NOFOLLOW), and must belong to this user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from labctl.system.ownership import writer_of

LAB_FILES = ".labctl"  # the folder of the labs' files, beside lab.yaml or in the current folder
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER_MODE = 0o755
FILE_MODE = 0o644


class OwnFolder:
    """An open folder of this user. Every method raises OSError, and none follows a link."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def write(self, name: str, content: str | bytes, mode: int | None = None) -> None:
        """Write a file in one rename: see `writing`."""
        with self.writing(name, mode) as file:
            file.write(content.encode() if isinstance(content, str) else content)

    @contextlib.contextmanager
    def writing(self, name: str, mode: int | None = None, fresh: str = "") -> Iterator[BinaryIO]:
        """Yield a new file, which gets its name in one rename after the block; an error in the block removes it.

        A reader finds the old or the new file, and a link of this name is replaced. Without a `mode` the file has the
        permissions of the user's umask, and nobody else can write to it. Until then it is called `fresh`, or NAME.new.
        """
        fresh = fresh or f"{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._named(name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=self._descriptor)
            created = FILE_MODE if mode is None else mode  # from the first byte on
            try:
                with os.fdopen(os.open(fresh, flags, created, dir_fd=self._descriptor), "wb") as file:
                    if mode is not None:
                        os.fchmod(file.fileno(), mode)
                    yield file
                os.replace(fresh, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(fresh, dir_fd=self._descriptor)
                raise

    def read(self, name: str, most: int) -> bytes:
        """Return the first `most` bytes of a file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._named(name), os.fdopen(os.open(name, flags, dir_fd=self._descriptor), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            return file.read(most)

    @contextlib.contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Errors of the block have the whole path."""
        try:
            yield
        except OSError as error:
            text = "it is a link" if error.errno == errno.ELOOP else error.strerror
            raise OSError(error.errno, text, str(self.path / name)) from None

    def remove_file(self, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(name, dir_fd=self._descriptor)

    def remove_empty(self, name: str) -> None:
        """Remove a folder where it is empty."""
        os.rmdir(name, dir_fd=self._descriptor)

    def remove_tree(self, name: str) -> None:
        """Remove a folder with everything in it."""
        shutil.rmtree(name, dir_fd=self._descriptor)


@contextlib.contextmanager
def own_folder(
    path: Path, below: str | PurePath = "", *, create: bool = False, typed: bool = False
) -> Iterator[OwnFolder]:
    """Open the folder `below` the folder `path` for the block; with `create` it is created where it does not exist.

    No link is followed in a relative path, in `below`, in what comes after `.labctl`, and in the last part of `path`.
    Raises OSError where there is one, and where a folder belongs to somebody else or others can write to it.

    With `typed` it is the folder of a single file that the user named: it may be anybody's, and links in an absolute
    path are followed.
    """
    anchor, parts = (path, ()) if typed and path.is_absolute() else _anchor(path)
    parts += PurePath(below).parts
    if create:
        anchor.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(anchor, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        here = anchor
        for part in parts:
            here = here / part
            opened = _open_below(descriptor, part, here, create=create, anybodys=typed)
            os.close(descriptor)
            descriptor = opened
        yield OwnFolder(here, descriptor)
    finally:
        os.close(descriptor)


def _anchor(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder from which the others are opened one by one, and their names."""
    parts = path.parts
    if LAB_FILES in parts:
        first = parts.index(LAB_FILES)
        return Path(*parts[:first]), parts[first:]
    return (path.parent, (path.name,)) if path.is_absolute() and path.name else (Path(), parts)


def _open_below(above: int, name: str, path: Path, *, create: bool, anybodys: bool) -> int:
    try:
        descriptor = _open_folder(above, name, path)
    except FileNotFoundError:
        if not create:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=above)
        descriptor = _open_folder(above, name, path)
    if name != ".." and not anybodys and (who := writer_of(path, os.fstat(descriptor))):
        os.close(descriptor)
        raise PermissionError(errno.EPERM, who, str(path))
    return descriptor


def _open_folder(above: int, name: str, path: Path) -> int:
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=above)
    except OSError as error:
        text = error.strerror
        with contextlib.suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                text = f"{path} is a link"
        raise OSError(error.errno, text, str(path)) from None
