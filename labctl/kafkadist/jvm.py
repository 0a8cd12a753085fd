"""Command lines of Kafka's JVMs: the same options each time, in the same order, or the AOT caches would not fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from labctl.kafkadist.java import FIRST_WITH_AOT_CACHE, Java

# What a JVM is started for. Each use has a cache of its own; tools without one take the consumer's.
USES = ("broker", "storage", "producer", "consumer")
CACHED_SCRIPTS = {"kafka-console-producer.sh": "producer", "kafka-storage.sh": "storage"}
TOOL_HEAP = "256m"

# C1 and the serial collector start fastest, and a lab's load needs no more (docs/design.md has the figures)
QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
JVM_LOG = ["-Xlog:disable", "-Xlog:all=error:stderr"]  # by default it goes to stdout, where tools print records
SIMPLE_LOG4J = {
    "log4j2.loggerContextFactory": "org.apache.logging.log4j.simple.SimpleLoggerContextFactory",
    "org.apache.logging.log4j.simplelog.level": "WARN",
}
# what a tool says, as with Kafka's own tools-log4j settings: warnings, on stderr
TOOL_LOGGING = {
    "slf4j.provider": "org.slf4j.simple.SimpleServiceProvider",
    "slf4j.internal.verbosity": "WARN",
    "org.slf4j.simpleLogger.defaultLogLevel": "warn",
    "org.slf4j.simpleLogger.showDateTime": "true",
    "org.slf4j.simpleLogger.dateTimeFormat": "[yyyy-MM-dd HH:mm:ss,SSS]",
    "org.slf4j.simpleLogger.showThreadName": "false",
}
SUMS = "SHA256SUMS"  # of the AOT caches beside it, as sha256sum writes them
CACHE_OPTION = "-XX:AOTCache="


@dataclass(frozen=True, slots=True)
class LocalKafka:
    """A Kafka that this machine can run."""

    version: str
    origin: str  # where it came from, for people
    java: Java
    jars: tuple[str, ...]  # the classpath, in its order
    scripts: Mapping[str, str]  # script of bin/: main class
    logging: str = "jdk"  # what is behind slf4j on this classpath: jdk (our locks), log4j2 or log4j (a KAFKA_HOME)
    caches: Mapping[str, str] = field(default_factory=dict)  # use: AOT cache file
    recording: str | None = None  # folder that the AOT caches are being recorded into
    storage: str | None = None  # folder with freshly formatted storage to copy, or None: format each time

    def recorded_into(self, folder: Path) -> LocalKafka:
        """This Kafka, each JVM writing the AOT cache of its use into `folder` when it ends."""
        return replace(self, caches={}, recording=str(folder), storage=None)

    def arguments(self, use: str, *, heap: str, properties: Mapping[str, str], logs: Path) -> list[str]:
        """What stands between `java` and the main class; a JVM that crashes says why in `logs`."""
        options = [*QUICK_START, f"-XX:ErrorFile={logs}/crash-%p.log", f"-Xmx{heap}", *JVM_LOG]
        if self.recording:
            options += [f"-XX:AOTCacheOutput={self.recording}/{use}.aot"]
        elif use in self.caches:
            options += [f"{CACHE_OPTION}{self.caches[use]}"]
        options += [f"-D{key}={value}" for key, value in properties.items()]
        return [*options, "-cp", ":".join(self.jars)]

    @property
    def can_record(self) -> bool:
        """Whether this Java can make AOT caches."""
        return self.java.feature >= FIRST_WITH_AOT_CACHE


def node_logging(kafka: LocalKafka, files: Path) -> dict[str, str]:
    """System properties that send a node's log to its size-limited files."""
    if kafka.logging == "log4j2":
        return {"log4j2.configurationFile": str(files / "log4j2.properties")}
    if kafka.logging == "log4j":
        return {"log4j.configuration": (files / "log4j.properties").as_uri()}
    # the JDK's logging needs no set-up of log4j, which some jar brings along
    return {
        "slf4j.provider": "org.slf4j.jul.JULServiceProvider",
        "slf4j.internal.verbosity": "WARN",
        "java.util.logging.config.file": str(files / "logging.properties"),
        **SIMPLE_LOG4J,
    }


def tool_logging(kafka: LocalKafka, files: Path) -> dict[str, str]:
    """System properties that send a tool's warnings to stderr, also while it ends."""
    if kafka.logging == "log4j":
        return {"log4j.configuration": (files / "tools-log4j.properties").as_uri()}
    return SIMPLE_LOG4J | (TOOL_LOGGING if kafka.logging == "jdk" else {})


def argument_file(arguments: list[str]) -> str:
    """`arguments` as an @file of the java launcher, which reads backslashes and quotes as escapes."""
    return "".join('"{}"\n'.format(one.replace("\\", "\\\\").replace('"', '\\"')) for one in arguments)


def without_cache(arguments: str) -> tuple[str, list[Path]]:
    """An argument file that names no AOT cache, and the caches that it named."""
    start = f'"{CACHE_OPTION}'
    lines = arguments.splitlines(keepends=True)
    named = [Path(line.removeprefix(start).rstrip('"\n')) for line in lines if line.startswith(start)]
    return "".join(line for line in lines if not line.startswith(start)), named


def clean_environment() -> dict[str, str]:
    """What a JVM of the lab sees of this process's environment: nothing that changes how Java or Kafka behave."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TZ", "TMPDIR", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ}
