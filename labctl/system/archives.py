"""Unpacking tar archives: what they contain stays below a folder."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path


def unpack_tar(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack the files and folders of an archive into `folder`, with their times; links and devices are left out.

    The `filter` of tarfile does the same, from Python 3.11.4 on. Raises tarfile.TarError where a file would be outside
    of the folder, OSError.
    """
    root = folder.resolve()
    for member in archive:
        target = (root / member.name).resolve()
        if not target.is_relative_to(root):
            raise tarfile.TarError(f"{member.name} would be outside of the folder")
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.isfile() and (content := archive.extractfile(member)):
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            os.utime(target, (member.mtime, member.mtime))
