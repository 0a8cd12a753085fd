"""The prepared Kafka in the user's cache: verified jars, formatted storage and AOT caches, once for all labs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import platformdirs

from labctl.errors import HostError, SpecError
from labctl.runtime.base import Progress
from labctl.runtime.jvm import aot_training, download
from labctl.runtime.jvm.aot_caches import Recording, recorded_caches
from labctl.runtime.jvm.java import Java, find_java
from labctl.runtime.jvm.jvm_options import SUMS, USES, LocalKafka
from labctl.runtime.jvm.storage import bootstrap_records
from labctl.system.file_lock import hold_lock
from labctl.system.files import file_errors
from labctl.system.ownership import make_private
from labctl.system.processes import kill, of_lab
from labctl.version_lock import ConnectLock, Jar, VersionLock, load_connect_lock, load_lock

LOCK_SECONDS = 600  # another labctl may be downloading
LISTED = 3  # names of corrupt files in a message
CONTENTS = ("jars", "storage", "app")  # of a folder in the cache: a KAFKA_HOME has its own jars, an archive no others
JARS_CHECKSUM_CACHE = "jars.checksums.json"
OTHER_CACHE = "free some space, fix the folder (chown, chmod go-w), or name another cache folder in XDG_CACHE_HOME"
# the logging behind slf4j of an unpacked Kafka 4 and 3
LOGGING_JARS = {"log4j-slf4j": "log4j2", "slf4j-reload4j": "log4j"}


@dataclass(frozen=True, slots=True)
class CachedKafka:
    """A Kafka, a service or a plugin in the cache. Size in bytes."""

    key: str
    kafka: str  # its version; "" of anything else
    bytes: int
    caches: int  # the number of Javas that have AOT caches


def cache_root() -> Path:
    """Return the cache folder of this user, for all labs and processes.

    Raises HostError where it can't be written, or others can write to it: Java runs what is in it.
    """
    root = Path(platformdirs.user_cache_path("labctl")) / "kafka"
    if os.pathsep in str(root):
        raise HostError(f"Java can't use the cache folder {root}: its name has a {os.pathsep}", OTHER_CACHE)
    for folder in (root.parent, root):
        make_private(folder, "the cache folder", OTHER_CACHE)
    return root


def require_version(version: str) -> None:
    """Raise SpecError where Kafka `version` can't run here: without a version lock file, or with another KAFKA_HOME."""
    home = os.environ.get("KAFKA_HOME")
    if not home:
        load_lock(version)
    elif (main := _main_jar(Path(home))) and (found := main.stem.rpartition("-")[2]) != version:
        raise SpecError(
            [f"kafka.version: the lab requires {version}, KAFKA_HOME={home} has {found}"],
            f'write version: "{found}" in lab.yaml, or unset KAFKA_HOME',
        )


def prepare(version: str, progress: Progress) -> LocalKafka:
    """Return Kafka `version`, ready to run. What the cache has is not done again.

    Raises SpecError where it can't run here, HostError where Java is missing or the download or a file fails,
    RuntimeFailed where Kafka's own tool can't format its storage.
    """
    require_version(version)
    java = find_java()
    home = os.environ.get("KAFKA_HOME")
    if home:
        kafka, folder = _from_home(Path(home), version, java)
    else:
        lock, jars_folder = ensure_jars(version, progress)
        folder = jars_folder.parent
        jars = tuple(str(jars_folder / jar.file_name) for jar in lock.jars)
        kafka = LocalKafka(version, "Maven Central", java, jars, lock.scripts)
    return _with_caches(_with_storage(kafka, folder, progress), folder, progress)


def cached() -> list[CachedKafka]:
    """Return what is in the cache. Raises HostError."""
    found = []
    with file_errors(cache_root(), OTHER_CACHE):
        for folder in sorted(cache_root().iterdir()):
            if any((folder / name).is_dir() for name in CONTENTS):
                size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                caches = len([path for path in folder.glob("aot-*") if (path / SUMS).is_file()])
                version = folder.name.partition("-")[0]
                found.append(CachedKafka(folder.name, version if version[0].isdigit() else "", size, caches))
    return found


def clear() -> list[str]:
    """Delete the cache, and return what was deleted.

    The JVMs of a running lab keep their open files. Raises HostError.
    """
    keys = []
    with cache_locked(), file_errors(cache_root(), "fix the folder, then run labctl cache clear again"):
        for folder in cache_root().iterdir():
            if folder.is_dir():
                shutil.rmtree(folder)
                keys.append(folder.name)
    return sorted(keys)


def sweep() -> None:
    """End and delete what a killed training run left. Do nothing where another labctl is preparing Kafka."""
    with contextlib.suppress(HostError), cache_locked(seconds=0):
        for folder in [*cache_root().glob("*.making"), *cache_root().glob("*/*.making")]:
            kill(of_lab(str(folder)))
            shutil.rmtree(folder, ignore_errors=True)


def ensure_jars(version: str, progress: Progress) -> tuple[VersionLock, Path]:
    """Return the version lock of Kafka `version`, and the folder with exactly its jars. Raises SpecError, HostError."""
    lock = load_lock(version)
    folder = cache_root() / lock.key
    ensure_files(lock.jars, folder, progress)
    return lock, folder / "jars"


def ensure_connect(version: str, progress: Progress) -> tuple[ConnectLock, Path]:
    """Return the lock of the Kafka Connect for Kafka `version`, and its folder in the cache, with its jars in `jars`.

    Raises SpecError, HostError.
    """
    lock = load_connect_lock(version)
    folder = cache_root() / lock.key
    ensure_files(lock.jars, folder, progress)
    return lock, folder


def ensure_files(files: Sequence[Jar], folder: Path, progress: Progress) -> None:
    """Download those of `files` that folder/jars does not have as they are pinned. Raises HostError."""
    if not download.corrupt_jars(files, folder / "jars", folder / JARS_CHECKSUM_CACHE):
        return
    with cache_locked(note=progress.note):
        wrong = download.corrupt_jars(files, folder / "jars", folder / JARS_CHECKSUM_CACHE)
        if not wrong:
            return
        if folder.exists():
            names = ", ".join(jar.file_name for jar in wrong[:LISTED]) + (" …" if len(wrong) > LISTED else "")
            progress.note(f"the cache is corrupt ({names}): downloading again")
            try:
                download.fetch(wrong, folder / "jars", progress=progress.download)
            except HostError as error:
                message = f"the cache {folder} is corrupt ({names}), and {error.message}"
                raise HostError(message, error.hint, "damaged-cache") from None
            return
        unfinished = folder.with_name(folder.name + ".partial")
        download.fetch(files, unfinished / "jars", progress=progress.download)
        with file_errors(folder, OTHER_CACHE):
            unfinished.replace(folder)


def _main_jar(home: Path) -> Path | None:
    """The jar of the broker in an unpacked Kafka: its name ends with the version."""
    jars = sorted((home / "libs").glob("kafka_2.1[23]-*.jar"))
    return next((jar for jar in jars if re.fullmatch(r"kafka_2\.1[23]-[0-9.]+\.jar", jar.name)), None)


def _from_home(home: Path, version: str, java: Java) -> tuple[LocalKafka, Path]:
    """The unpacked Kafka that KAFKA_HOME names, whose version is that of the lab, and its folder in the cache."""
    jars = sorted((home / "libs").glob("*.jar"))
    if _main_jar(home) is None:
        raise HostError(
            f"KAFKA_HOME={home} contains no Kafka: it has no libs/kafka_2.13-VERSION.jar",
            "name the folder that Kafka's archive unpacks to, or unset KAFKA_HOME",
            "no-kafka-home",
        )
    scripts = {}
    for script in sorted((home / "bin").glob("kafka-*.sh")):
        found = re.search(r"kafka-run-class\.sh\S*\s+([\w.]+)\s", script.read_text(encoding="utf-8", errors="replace"))
        if found:
            scripts[script.name] = found[1]
    stamp = "\n".join(f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars)
    folder = cache_root() / f"{version}-home-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    logging = next((name for jar in jars for part, name in LOGGING_JARS.items() if jar.name.startswith(part)), "jdk")
    kafka = LocalKafka(version, str(home), java, tuple(map(str, jars)), scripts, logging)
    return kafka, folder


def _with_storage(kafka: LocalKafka, folder: Path, progress: Progress) -> LocalKafka:
    storage = folder / "storage"
    records = storage / bootstrap_records(kafka.version)
    if not records.is_file():
        with cache_locked(note=progress.note), file_errors(storage, OTHER_CACHE):
            if not records.is_file():
                aot_training.make_storage_template(kafka, storage)
    return replace(kafka, storage=str(storage))


def _with_caches(kafka: LocalKafka, folder: Path, progress: Progress) -> LocalKafka:
    names = [Path(jar).name for jar in kafka.jars]
    recording = Recording("Kafka", USES, names, partial(aot_training.record_caches, kafka))
    locked = partial(cache_locked, note=progress.note)
    return replace(kafka, caches=recorded_caches(kafka.java, folder, recording, locked, progress))


def cache_locked(
    seconds: float = LOCK_SECONDS, note: Callable[[str], None] = lambda _text: None
) -> contextlib.AbstractContextManager[None]:
    """Return a context that holds the cache for this process; `note` receives a line where it has to wait.

    Raises HostError.
    """
    root = cache_root()
    return hold_lock(
        root / ".lock",
        seconds,
        holder=lambda: f"another labctl is preparing Kafka in {root}",
        note=note,
        unwritable_hint=OTHER_CACHE,
    )
