"""SHA256SUMS of the evidence, as sha256sum(1) writes it: it shows that labctl made all that `--force` replaces."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MANIFEST = "SHA256SUMS"
LARGEST = 1_000_000  # bytes of a manifest
MOST_FILES = 1000
MOST_BYTES = 2**30  # of all files, unpacked


def manifest_text(folder: Path) -> str:
    """Return the manifest of all files in `folder`. Raises OSError."""
    lines = []
    for name in _names(folder):
        with (folder / name).open("rb") as file:
            lines.append(f"{_sum(file)}  {name}\n")
    return "".join(lines)


def unknown_in(target: Path) -> str:
    """Return what labctl did not write, or not so, in an evidence folder or ZIP file; "" where it made everything."""
    try:
        if target.is_dir() and not target.is_symlink():
            return _unknown_in_folder(target)
        if stat.S_ISREG(target.lstat().st_mode) and zipfile.is_zipfile(target):
            return _unknown_in_zip(target)
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        return f"can't be read: {error}"
    return "is neither a folder nor a ZIP file"


def _unknown_in_folder(folder: Path) -> str:
    names = _names(folder)
    files = [name for name in names if stat.S_ISREG((folder / name).lstat().st_mode)]
    if MANIFEST not in files:
        return f"has no {MANIFEST}"
    with (folder / MANIFEST).open("rb") as file:
        wanted = _wanted(file)
    for name in names:
        if name == MANIFEST:
            continue
        if name not in wanted or name not in files:
            return f"has {name}, which labctl did not write"
        with (folder / name).open("rb") as file:
            if _sum(file) != wanted[name]:
                return f"has a changed {name}"
    return ""


def _unknown_in_zip(target: Path) -> str:
    with zipfile.ZipFile(target) as packed:
        entries = [entry for entry in packed.infolist() if not entry.is_dir()]
        if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
            return "is larger than evidence"
        named = {entry.filename.partition("/")[2]: entry for entry in entries}
        if MANIFEST not in named or len(named) < len(entries):
            return f"has no {MANIFEST} in its only folder"
        with packed.open(named[MANIFEST]) as file:
            wanted = _wanted(file)
        for name, entry in named.items():
            if name == MANIFEST:
                continue
            if name not in wanted:
                return f"has {name}, which labctl did not write"
            with packed.open(entry) as file:
                if _sum(file) != wanted[name]:
                    return f"has a changed {name}"
    return ""


def _names(folder: Path) -> list[str]:
    """The paths of everything in `folder` but folders, links included. Raises ValueError where there is too much."""
    found: list[str] = []
    for path in _walk(folder):
        found.append(path.relative_to(folder).as_posix())
        if len(found) > MOST_FILES:
            raise ValueError(f"it has more than {MOST_FILES} files")
    return sorted(found)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        yield from (Path(parent, name) for name in [*files, *links])


def _wanted(manifest: IO[bytes]) -> dict[str, str]:
    lines = (line.partition("  ") for line in manifest.read(LARGEST).decode().splitlines())
    return {name: checksum for checksum, _, name in lines}


def _sum(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
