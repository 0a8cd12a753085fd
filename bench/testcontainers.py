"""testcontainers-java's KafkaContainer on the stock-like image, with the round trip of a record."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.plain import LIMIT

SOURCE = Path(__file__).with_name("testcontainers")
# Ryuk is a separate image, and not part of a start; Docker Engine 25 and newer require this API version
ENVIRONMENT = {"TESTCONTAINERS_RYUK_DISABLED": "true"}
API = "-Dapi.version=1.44"


class Testcontainers:
    """The peer. Maven builds it once, in `folder`."""

    def __init__(self, folder: Path, image: str) -> None:
        self._image = image
        self._folder = folder
        shutil.copytree(SOURCE, folder)
        build = ["mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"]
        subprocess.run([*build, "-DoutputDirectory=target/lib"], cwd=folder, check=True, timeout=600)

    def run(self) -> float:
        """Return the seconds until a record was read back, without the start of the peer's own JVM."""
        classes = f"{self._folder}/target/classes:{self._folder}/target/lib/*"
        done = subprocess.run(
            ["java", API, "-cp", classes, "Peer", self._image],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
            env={**os.environ, **ENVIRONMENT},
        )
        return float(done.stdout)


def can_be_built() -> bool:
    """Return whether Maven and Java are on PATH."""
    return bool(shutil.which("mvn") and shutil.which("java"))
