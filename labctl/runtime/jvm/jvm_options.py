"""The options of Kafka's JVMs: always the same, in the same order, so that the AOT caches fit."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from labctl.runtime.jvm.java import Java
from labctl.system.utf8_locale import utf8_locale

# What a JVM is started for. Each use has a cache of its own; other tools use the consumer's.
USES = ("broker", "storage", "producer", "consumer")
CACHED_SCRIPTS = {"kafka-console-producer.sh": "producer", "kafka-storage.sh": "storage"}
ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"})
TOOL_HEAP = "256m"  # as kafka-run-class.sh gives its tools

# C1 and the serial collector start fastest, and are enough for a lab's load: docs/design/local-runtime.md
QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
JVM_LOG = ["-Xlog:disable", "-Xlog:all=error:stderr"]  # by default it goes to stdout, where tools print records
SIMPLE_LOG4J = {
    "log4j2.loggerContextFactory": "org.apache.logging.log4j.simple.SimpleLoggerContextFactory",
    "org.apache.logging.log4j.simplelog.level": "WARN",
}
# as Kafka's own settings for tools: warnings, on stderr
TOOL_LOGGING = {
    "slf4j.provider": "org.slf4j.simple.SimpleServiceProvider",
    "slf4j.internal.verbosity": "WARN",
    "org.slf4j.simpleLogger.defaultLogLevel": "warn",
    "org.slf4j.simpleLogger.showDateTime": "true",
    "org.slf4j.simpleLogger.dateTimeFormat": "[yyyy-MM-dd HH:mm:ss,SSS]",
    "org.slf4j.simpleLogger.showThreadName": "false",
}
SUMS = "SHA256SUMS"  # of the AOT caches beside it, as sha256sum writes them
# signals by which a broken JVM ends itself; nobody sends them
CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
CACHE_OPTION = "-XX:AOTCache="


@dataclass(frozen=True, slots=True)
class LocalKafka:
    """A Kafka that this machine can run."""

    version: str
    origin: str  # where it comes from, for messages
    java: Java
    jars: tuple[str, ...]  # the classpath, in its order
    scripts: Mapping[str, str]  # script of bin/: main class
    logging: str = "jdk"  # behind slf4j on this classpath: jdk (version lock files), log4j2 or log4j (a KAFKA_HOME)
    caches: Mapping[str, str] = field(default_factory=dict)  # use: AOT cache file
    recording: str | None = None  # folder into which AOT caches are recorded
    storage: str | None = None  # folder with formatted storage to copy; None: format each time

    def recorded_into(self, folder: Path) -> LocalKafka:
        """Return this Kafka, with JVMs that write the AOT cache of their use into `folder` when they end."""
        return replace(self, caches={}, recording=str(folder), storage=None)

    def arguments(self, use: str, *, heap: str, properties: Mapping[str, str], logs: Path) -> list[str]:
        """Return the arguments between `java` and the main class. A JVM that crashes writes its report into `logs`."""
        cache = {"recording": f"{self.recording}/{use}.aot"} if self.recording else {"cache": self.caches.get(use, "")}
        options = jvm_options(heap=heap, properties=properties, logs=logs, **cache)
        return [*options, "-cp", ":".join(self.jars)]


def jvm_options(
    *, heap: str, properties: Mapping[str, str], logs: Path, cache: str = "", recording: str = ""
) -> list[str]:
    """Return the options of a JVM with the AOT cache `cache`, or that writes the AOT cache `recording` when it ends.

    A JVM that crashes writes its report into `logs`.
    """
    options = [*QUICK_START, f"-XX:ErrorFile={logs}/crash-%p.log", f"-Xmx{heap}", *JVM_LOG]
    if recording:
        options += [f"-XX:AOTCacheOutput={recording}"]
    elif cache:
        options += [f"{CACHE_OPTION}{cache}"]
    return [*options, *(f"-D{key}={value}" for key, value in properties.items())]


def node_logging(kafka: LocalKafka, files: Path) -> dict[str, str]:
    """Return system properties by which a node, or Kafka Connect, logs to files of limited size."""
    if kafka.logging == "log4j2":
        return {"log4j2.configurationFile": str(files / "log4j2.properties")}
    if kafka.logging == "log4j":
        return {"log4j.configuration": (files / "log4j.properties").as_uri()}
    # without these, log4j configures itself: some jar depends on it
    return {
        "slf4j.provider": "org.slf4j.jul.JULServiceProvider",
        "slf4j.internal.verbosity": "WARN",
        "java.util.logging.config.file": str(files / "logging.properties"),
        **SIMPLE_LOG4J,
    }


def tool_logging(kafka: LocalKafka, files: Path) -> dict[str, str]:
    """Return system properties by which a tool logs warnings to stderr, even while it ends."""
    if kafka.logging == "log4j":
        return {"log4j.configuration": (files / "tools-log4j.properties").as_uri()}
    return SIMPLE_LOG4J | (TOOL_LOGGING if kafka.logging == "jdk" else {})


def argument_file(arguments: list[str]) -> str:
    """Return `arguments` as an @file of the java launcher, which has the escapes of C in quotes (java(1))."""
    return "".join(f'"{text.translate(ESCAPED)}"\n' for text in arguments)


def without_cache(arguments: str) -> tuple[str, list[Path]]:
    """Return an argument file without its AOT caches, and those caches."""
    start = f'"{CACHE_OPTION}'
    lines = arguments.splitlines(keepends=True)
    named = [Path(line.removeprefix(start).rstrip('"\n')) for line in lines if line.startswith(start)]
    return "".join(line for line in lines if not line.startswith(start)), named


def clean_environment() -> dict[str, str]:
    """Return the environment of a JVM of the lab: nothing that changes how Java or Kafka behave.

    The locale is always the same, and its encoding is UTF-8: in the locale C, Java can't open a file whose name has
    letters beyond ASCII.
    """
    kept = ("PATH", "HOME", "TERM", "TZ", "TMPDIR", "USER")
    encoding = utf8_locale()
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | ({"LC_ALL": encoding} if encoding else {})
