"""The committed locks: which jars a Kafka of a version is. Made by scripts/lock_kafka.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labctl.errors import SpecError

FOLDER = Path(__file__).parent / "locks"


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of the lock. Size in bytes."""

    coordinates: str  # group:artifact:version
    bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """ARTIFACT-VERSION.jar, as in every Maven repository."""
        _group, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def repository_path(self) -> str:
        """The path below a Maven repository's root."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file_name}"


@dataclass(frozen=True, slots=True)
class Lock:
    """A Kafka: its jars in the order of the classpath, and the class behind each script of its bin/."""

    kafka: str
    jars: tuple[Jar, ...]
    scripts: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """What its jars are in all."""
        return sum(jar.bytes for jar in self.jars)

    @property
    def key(self) -> str:
        """Names the lock's folder in the cache: another content, another folder."""
        text = "\n".join(f"{jar.coordinates} {jar.sha256}" for jar in self.jars)
        return f"{self.kafka}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def versions() -> list[str]:
    """The versions of Kafka that have a lock, oldest first."""
    return sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda text: [int(n) for n in text.split(".")])


@cache
def load_lock(version: str) -> Lock:
    """The lock of Kafka `version`. Raises SpecError naming the versions there are."""
    path = FOLDER / f"{version}.json"
    if not path.is_file():
        raise SpecError(
            [f"kafka.version: there is no lock for Kafka {version}; there are {', '.join(versions())}"],
            "take one of these, add one with scripts/lock_kafka.py, or name an unpacked Kafka in KAFKA_HOME",
        )
    data = json.loads(path.read_text(encoding="utf-8"))
    return Lock(data["kafka"], tuple(Jar(**jar) for jar in data["jars"]), data["scripts"])
