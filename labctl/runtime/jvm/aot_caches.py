"""AOT caches (JEP 514) in the user's cache folder: recorded once on this machine, verified before each use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import LabError
from labctl.runtime.base import Progress
from labctl.runtime.jvm.checksums import mismatched, sha256
from labctl.runtime.jvm.java import FIRST_WITH_AOT_CACHE, Java
from labctl.runtime.jvm.jvm_options import QUICK_START, SUMS


@dataclass(frozen=True, slots=True)
class Recording:
    """What records AOT caches: the program's name in messages, what its JVMs are started for, and its jars by name.

    `record` runs them once, and writes the cache of each use, USE.aot, into a folder. Raises LabError, OSError.
    """

    program: str
    uses: Sequence[str]
    jars: Sequence[str]  # a cache fits its jars in another folder too
    record: Callable[[Path], None]


def recorded_caches(
    java: Java,
    folder: Path,
    recording: Recording,
    locked: Callable[[], AbstractContextManager[None]],
    progress: Progress,
) -> Mapping[str, str]:
    """Return {use: its AOT cache}, recorded where `folder` has none that fits; {} where this Java can't record any.

    Without AOT caches a program starts slower, and works the same: a failure here is only noted. Raises HostError where
    `locked`, which keeps other processes away, can't.
    """
    if java.feature < FIRST_WITH_AOT_CACHE:
        return {}
    options = " ".join([java.fingerprint, *QUICK_START, *recording.jars])
    caches = folder / f"aot-{hashlib.sha256(options.encode()).hexdigest()[:12]}"
    uses = recording.uses
    if corrupt_caches(caches, uses):
        with locked():
            wrong = corrupt_caches(caches, uses)
            if wrong:
                again = f"the AOT caches are corrupt ({', '.join(wrong)}): recording them again"
                first = f"preparing {recording.program} for fast starts, once on this machine"
                progress.note(again if caches.exists() else first)
                try:
                    recording.record(caches)
                    sums = {f"{use}.aot": sha256(caches / f"{use}.aot") for use in uses}
                    (caches / SUMS).write_text("".join(f"{value}  {name}\n" for name, value in sums.items()))
                except (LabError, OSError) as error:
                    progress.note(f"no AOT caches, {recording.program} will start slower: {error}")
                    return {}
    return {use: str(caches / f"{use}.aot") for use in uses}


def corrupt_caches(caches: Path, uses: Sequence[str]) -> list[str]:
    """Return the AOT caches that are missing or differ from what was recorded: a JVM does not notice, and crashes."""
    try:
        lines = (caches / SUMS).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        lines = []
    sums = {caches / name: value for value, _, name in (line.partition("  ") for line in lines)}
    wrong = {path.name for path in mismatched(sums, caches / "checksums.json")} | (
        {f"{use}.aot" for use in uses} - {path.name for path in sums}
    )
    return sorted(wrong)
