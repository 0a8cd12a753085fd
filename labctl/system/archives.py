"""Tar archives: what is unpacked stays below a folder; what is packed belongs to a given user."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path


def unpack_tar(archive: tarfile.TarFile, folder: Path, sizes: Mapping[str, int] | None = None) -> None:
    """Unpack the files and folders of an archive into `folder`, with their times; links and devices are left out.

    With `sizes`, {path: bytes}, it must have these files and no others. The `filter` of tarfile does the same, from
    Python 3.11.4 on. Raises tarfile.TarError where a file would be outside of the folder, or is not as it should be;
    OSError.
    """
    root = folder.resolve()
    for member in archive:
        try:
            target = (root / member.name).resolve()
            times = (float(int(member.mtime)), float(int(member.mtime)))
        except (ValueError, OverflowError) as error:
            raise tarfile.TarError(f"{member.name!r}: {error}") from None
        if not target.is_relative_to(root):
            raise tarfile.TarError(f"{member.name} would be outside of the folder")
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.isfile() and not member.issparse() and (content := archive.extractfile(member)):
            if sizes is not None and sizes.get(member.name) != member.size:
                raise tarfile.TarError(f"{member.name} is not one of its files, or has another size")
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            try:
                os.utime(target, times)
            except OverflowError as error:
                raise tarfile.TarError(f"{member.name}: {error}") from None


def owned_by(user: int, entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return an entry for an archive, without the names of its owner: it belongs to the user with this number."""
    entry.uid = entry.gid = user
    entry.uname = entry.gname = ""
    return entry
