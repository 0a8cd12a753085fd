"""The prepared services in the user's cache: verified jars and AOT caches, once for all labs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from labctl.runtime.base import Progress
from labctl.runtime.jvm import service_training
from labctl.runtime.jvm.aot_caches import Recording, recorded_caches
from labctl.runtime.jvm.cache import cache_locked, cache_root, ensure_connect
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.runtime.jvm.service import JvmService
from labctl.runtime.jvm.unpacked import ensure_unpacked
from labctl.services import connect, schema_registry

REGISTRY_OPTIONS = ("--add-opens", "java.base/java.lang=ALL-UNNAMED")  # as the manifest of its quarkus-run.jar has it
REGISTRY_FOLDERS = ("quarkus", "app", "lib/boot", "lib/main")  # in the order of the classpath


def prepare_service(kind: str, kafka: LocalKafka, progress: Progress) -> JvmService:
    """Return what runs a service of a kind, beside the Kafka `kafka`. What the cache has is not done again.

    Raises SpecError, HostError.
    """
    return {"schema_registry": _registry, "connect": _connect}[kind](kafka, progress)


def _registry(kafka: LocalKafka, progress: Progress) -> JvmService:
    folder = registry_folder(progress)
    classpath = tuple(map(str, registry_classpath(folder / "app")))
    jvm = JvmService(kafka.java, classpath, schema_registry.MAIN_CLASS, REGISTRY_OPTIONS)
    return _with_cache(
        jvm, "the schema registry", folder, partial(service_training.record_registry, kafka, jvm), progress
    )


def _connect(kafka: LocalKafka, progress: Progress) -> JvmService:
    if os.environ.get("KAFKA_HOME"):  # it has Kafka Connect too
        return JvmService(kafka.java, kafka.jars, connect.MAIN_CLASS, kafka=kafka)
    lock, folder = ensure_connect(kafka.version, progress)
    jars = tuple(str(folder / "jars" / jar.file_name) for jar in lock.jars)
    jvm = JvmService(kafka.java, jars, connect.MAIN_CLASS, kafka=kafka)
    return _with_cache(jvm, "Kafka Connect", folder, partial(service_training.record_connect, kafka, jvm), progress)


def _with_cache(
    jvm: JvmService, program: str, folder: Path, record: Callable[[Path], None], progress: Progress
) -> JvmService:
    names = [Path(jar).name for jar in jvm.classpath]
    recording = Recording(program, [service_training.USE], names, record)
    caches = recorded_caches(jvm.java, folder, recording, partial(cache_locked, note=progress.note), progress)
    return replace(jvm, cache=caches.get(service_training.USE, ""))


def registry_classpath(app: Path) -> list[Path]:
    """Return the jars of the unpacked registry, in the order of the classpath.

    Classes that Quarkus changed come before those that they replace.
    """
    jars = [jar for name in REGISTRY_FOLDERS for jar in sorted((app / name).glob("*.jar"))]
    return sorted(jars, key=lambda jar: jar.name != "transformed-bytecode.jar")


def registry_folder(progress: Progress) -> Path:
    """Return the folder of the schema registry in the cache, with its archive unpacked in `app`. Raises HostError."""
    archive = schema_registry.ARCHIVE
    folder = cache_root() / f"apicurio-registry-{schema_registry.VERSION}-{archive.digest[:12]}"
    ensure_unpacked(lambda: archive, folder, progress)
    return folder
