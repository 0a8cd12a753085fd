"""testcontainers-java's KafkaContainer on the stock-like image, and one record through it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.plain import LIMIT

SOURCE = Path(__file__).with_name("testcontainers")
# Ryuk is an image of its own, and what it does is no part of a start; Docker Engine 25 and newer want this API
ENVIRONMENT = {"TESTCONTAINERS_RYUK_DISABLED": "true"}
API = "-Dapi.version=1.44"


class Testcontainers:
    """The peer, built once into `folder` by Maven."""

    def __init__(self, folder: Path, image: str) -> None:
        self._image = image
        self._folder = folder
        shutil.copytree(SOURCE, folder)
        build = ["mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"]
        subprocess.run([*build, "-DoutputDirectory=target/lib"], cwd=folder, check=True, timeout=600)

    def run(self) -> float:
        """The seconds from nothing to a record that came back; the start of the test's own JVM is not among them."""
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
    """Whether Maven and a Java are here."""
    return bool(shutil.which("mvn") and shutil.which("java"))
