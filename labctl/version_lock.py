"""The version lock files: the jars, scripts and settings of a version of Kafka. scripts/lock_kafka.py writes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labctl.errors import SpecError

FOLDER = Path(__file__).parent / "version_locks"


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of a version lock file, or another file of a Maven repository. Size in bytes.

    `digest` is its checksum by `algorithm`, in hexadecimal.
    """

    coordinates: str  # group:artifact:version
    bytes: int
    digest: str
    classifier: str = ""
    extension: str = "jar"
    algorithm: str = "sha256"  # sha1 where a repository has nothing better

    @property
    def file_name(self) -> str:
        """ARTIFACT-VERSION[-CLASSIFIER].EXTENSION, as in every Maven repository."""
        _group, artifact, version = self.coordinates.split(":")
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{artifact}-{version}{classifier}.{self.extension}"

    @property
    def repository_path(self) -> str:
        """The path below a Maven repository's root."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file_name}"


@dataclass(frozen=True, slots=True)
class VersionLock:
    """A version of Kafka: its jars in the order of the classpath, and the class that each script of its bin/ starts.

    `connect` is the version of Kafka Connect that goes with it. `settings` are those that it knows: {broker, topic,
    producer or consumer: {name: type}}.
    """

    kafka: str
    jars: tuple[Jar, ...]
    connect: str
    scripts: Mapping[str, str]
    settings: Mapping[str, Mapping[str, str]]

    @property
    def bytes(self) -> int:
        """The size of all jars."""
        return sum(jar.bytes for jar in self.jars)

    @property
    def key(self) -> str:
        """The name of its folder in the cache, which depends on the content."""
        return f"{self.kafka}-{_digest(self.jars)}"


@dataclass(frozen=True, slots=True)
class ConnectLock:
    """A version of Kafka Connect: all its jars, in the order of the classpath."""

    connect: str
    jars: tuple[Jar, ...]

    @property
    def key(self) -> str:
        """The name of its folder in the cache, which depends on the content."""
        return f"connect-{self.connect}-{_digest(self.jars)}"


def _digest(jars: Sequence[Jar]) -> str:
    text = "\n".join(f"{jar.coordinates} {jar.digest}" for jar in jars)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def locked_versions() -> list[str]:
    """Return the versions of Kafka that have a version lock file, oldest first."""
    return sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda text: [int(n) for n in text.split(".")])


@cache
def load_lock(version: str) -> VersionLock:
    """Return the version lock of Kafka `version`. Raises SpecError, with the versions that exist."""
    path = FOLDER / f"{version}.json"
    if not path.is_file():
        existing = ", ".join(locked_versions())
        raise SpecError(
            [f"kafka.version: there is no version lock file for Kafka {version}; there are {existing}"],
            "use one of these, add one with scripts/lock_kafka.py, or name an unpacked Kafka in KAFKA_HOME",
        )
    data = json.loads(path.read_text(encoding="utf-8"))
    return VersionLock(data["kafka"], _jars(data), data["connect"], data["scripts"], data["settings"])


def load_connect_lock(kafka_version: str) -> ConnectLock:
    """Return the version lock of the Kafka Connect for a Kafka. Raises SpecError, as `load_lock`."""
    path = FOLDER / "connect" / f"{load_lock(kafka_version).connect}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    return ConnectLock(data["connect"], _jars(data))


def _jars(data: Mapping[str, Any]) -> tuple[Jar, ...]:
    return tuple(Jar(jar["coordinates"], jar["bytes"], jar["sha256"]) for jar in data["jars"])
