"""Archives of a Maven repository in the cache: downloaded, verified, unpacked, verified again before each use."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from labctl.errors import HostError
from labctl.runtime.base import Progress
from labctl.runtime.jvm import download
from labctl.runtime.jvm.cache import OTHER_CACHE, cache_locked
from labctl.runtime.jvm.checksums import mismatched, sha256
from labctl.runtime.jvm.jvm_options import SUMS
from labctl.system.archives import unpack_tar
from labctl.system.files import file_errors
from labctl.version_lock import Jar

CONTENT = "app"  # the folder of what was unpacked
# what tarfile and zipfile raise for an archive that is none, is damaged, encrypted, or compressed in an unknown way
BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError)
CHECKSUM_CACHE = "app.checksums.json"


def ensure_unpacked(find: Callable[[], Jar], folder: Path, progress: Progress) -> Path:
    """Return the content of an archive, unpacked in `folder` of the cache; what is there is not downloaded again.

    `find` is called where it is not there. Raises HostError.
    """
    if _corrupt(folder):
        with cache_locked(note=progress.note):
            wrong = _corrupt(folder)
            if wrong:
                if folder.exists():
                    progress.note(f"the cache is corrupt ({wrong[0]}): downloading again")
                archive = find()
                unfinished = folder.with_name(folder.name + ".partial")
                download.fetch([archive], unfinished, progress=progress.download)
                with file_errors(folder, OTHER_CACHE):
                    _unpack(unfinished / archive.file_name, unfinished / CONTENT)
                    shutil.rmtree(folder, ignore_errors=True)
                    unfinished.replace(folder)
    return folder / CONTENT


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive, write the checksums of its jars beside its folder, and delete it. A jar stays as it is.

    Raises HostError where it is none, OSError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        if archive.suffix == ".jar":
            shutil.copy2(archive, folder)
        elif archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)  # noqa: S202 - zipfile keeps each name below the folder
        else:
            with tarfile.open(archive) as packed_tar:
                unpack_tar(packed_tar, folder)
    except BROKEN as error:
        archive.unlink()
        raise HostError(f"{archive.name} can't be unpacked: {error}", "name another plugin", "wrong-download") from None
    lines = [f"{sha256(jar)}  {jar.relative_to(folder)}\n" for jar in sorted(folder.rglob("*.jar"))]
    (folder.parent / SUMS).write_text("".join(lines), encoding="utf-8")
    archive.unlink()


def _corrupt(folder: Path) -> list[str]:
    """The jars that are missing from `folder`, or differ from what was unpacked."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return [SUMS]
    sums = {folder / CONTENT / name: value for value, _, name in (line.partition("  ") for line in lines)}
    return [path.name for path in mismatched(sums, folder / CHECKSUM_CACHE)]
