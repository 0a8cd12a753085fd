"""Where the data is, and the memory of a node."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Mount
from labctl.lint.edit import SetVariable
from labctl.lint.images import APACHE, CONFLUENT
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ROLES

KAFKA_LOG_DIRS = "/tmp/kafka-logs"  # noqa: S108 - Kafka's default
CLEANER_BUFFER = 128 * 2**20  # log.cleaner.dedupe.buffer.size: Kafka's default
DEFAULT_HEAP = 2**30  # kafka-server-start.sh: -Xmx1G
BESIDE_HEAP = 128 * 2**20  # what a small broker needs beside its heap: metaspace, code, threads, buffers (measured)
NEEDED_BESIDE_BUFFER = 96 * 2**20  # 160m fails with the default buffer, 256m works (measured on 4.3.1)
_HEAP = re.compile(r"-Xmx(\d+)([kKmMgG]?)\b")
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
# words of folders that hold something else than data
OWN_FOLDERS = ("conf", "secret", "cert", "jmx", "plugin", "libs", "ssl", "script", "connect", "jars", "etc", "init")
# the data folders of the images, and those that people take for them
DATA_FOLDERS = ("/var/lib/kafka", "/var/lib/kafka/data", "/bitnami", "/bitnami/kafka", "/bitnami/kafka/data", "/kafka")


@rule(
    "KAFKA-DATA-NOT-ON-VOLUME",
    "error",
    wrong="""
        services:
          broker:
            environment:
              KAFKA_LOG_DIRS: !reset null
            volumes: ["data:/var/lib/kafka/data"]
    """,
    right="""
        services:
          broker:
            volumes: ["data:/var/lib/kafka/data"]
    """,
)
def data_not_on_volume(setup: Setup) -> Iterator[Match]:
    """Kafka writes its data beside the volume.

    The volume stays empty and the data goes with the container. apache/kafka writes to /tmp/kafka-logs once any
    variable is set; cp-kafka and bitnami/kafka have a data folder of their own.
    """
    for node in setup.nodes:
        mounts = [mount for mount in node.service.mounts if _is_for_data(mount, node)]
        folders = _log_dirs(node)
        if not mounts or not folders:
            continue
        missed = [folder for folder in folders if not any(_is_below(folder, mount.target) for mount in mounts)]
        if len(missed) == len(folders):
            yield Match(
                node.place("log.dirs", "log.dir") if "log.dirs" in node.settings else mounts[0].place,
                f"{node.name} writes its data to {missed[0]}, not to the volume at {mounts[0].target}",
                f"write {node.variable('log.dirs')}: {mounts[0].target}",
                (node.set("log.dirs", mounts[0].target),) if _fits(mounts[0], node) else (),
            )


@rule(
    "KAFKA-DATA-SHARED",
    "error",
    wrong="""
        services:
          broker:
            volumes: ["data:/var/lib/kafka/data"]
          second:
            extends: {file: complete.yml, service: broker}
            ports: !reset []
            volumes: ["data:/var/lib/kafka/data"]
            environment:
              KAFKA_NODE_ID: 2
              KAFKA_PROCESS_ROLES: broker
              KAFKA_LISTENERS: INTERNAL://:9092
              KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092
    """,
    right="""
        services:
          broker:
            volumes: ["data:/var/lib/kafka/data"]
    """,
)
def data_shared(setup: Setup) -> Iterator[Match]:
    """Two nodes write to the same folder.

    The second one finds the id of the first in meta.properties and ends, or damages its data.
    """
    for node in setup.nodes:
        for other in setup.earlier(node):
            mine = {_where(node, folder): folder for folder in _log_dirs(node)} if _log_dirs(node) else {}
            shared = [_where(other, folder) for folder in _log_dirs(other) if _where(other, folder) in mine]
            known = [place for place in shared if place and UNKNOWN not in place[0]]
            if known:
                mount = next(one for one in node.service.mounts if one.source == known[0][0])
                yield Match(
                    mount.place,
                    f"{node.name} and {other.name} write their data to the same folder of {known[0][0]}",
                    "give each node a volume of its own",
                )
                break


@rule(
    "KAFKA-DATA-NOT-WRITABLE",
    "error",
    wrong="""
        services:
          broker:
            volumes:
              - {type: tmpfs, target: /var/lib/kafka/data, tmpfs: {mode: 0o755}}
    """,
    right="""
        services:
          broker:
            volumes:
              - {type: tmpfs, target: /var/lib/kafka/data, tmpfs: {mode: 0o1777}}
    """,
)
def data_not_writable(setup: Setup) -> Iterator[Match]:
    """The data folder belongs to root and the image runs as another user.

    Kafka ends with an AccessDeniedException, at the end of a very long line of its log.
    """
    for node in setup.nodes:
        for mount in node.service.mounts:
            holds = any(_is_below(folder, mount.target) for folder in _log_dirs(node))
            closed = mount.kind == "tmpfs" and mount.mode is not None and not mount.mode & 0o002
            if holds and closed and node.image.user and node.service.user not in {"0", "root", "0:0"}:
                yield Match(
                    mount.place,
                    f"{mount.target} is root's with mode {mount.mode:04o}, and {node.image.name} runs as user "
                    f"{node.image.user}",
                    "use mode 0o1777, or a named volume",
                )


@rule(
    "KAFKA-DATA-FOLDER-OWNER",
    "warning",
    wrong="""
        services:
          broker:
            volumes: ["./kafka-data:/var/lib/kafka/data"]
    """,
    right="""
        services:
          broker:
            volumes: ["kafka-data:/var/lib/kafka/data"]
    """,
    versions="Docker Engine on Linux",
)
def data_folder_owner(setup: Setup) -> Iterator[Match]:
    """The data is in a folder of the host, which Docker creates as root's.

    The image runs as another user and can't write there. Docker Desktop does not have this problem.
    """
    for node in setup.nodes:
        for mount in node.service.mounts:
            holds = any(_is_below(folder, mount.target) for folder in _log_dirs(node))
            if mount.kind == "bind" and holds and node.image.user and not node.service.user:
                yield Match(
                    mount.place,
                    f"{mount.source.replace(UNKNOWN, '${…}')}: Docker creates a missing folder as root's, and "
                    f"{node.image.name} runs as user {node.image.user}",
                    f"use a named volume, or make the folder first: mkdir and chown {node.image.user}",
                )


@rule(
    "KAFKA-HEAP-TOO-SMALL",
    "error",
    wrong="KAFKA_HEAP_OPTS: -Xmx128m -Xms128m",
    right="KAFKA_HEAP_OPTS: -Xmx256m -Xms256m",
)
def heap_too_small(setup: Setup) -> Iterator[Match]:
    """The heap can't hold the log cleaner's buffer.

    A broker takes log.cleaner.dedupe.buffer.size, 128 MB, from its heap at the start. It ends with
    `OutOfMemoryError: Java heap space` within seconds; Docker reports no OOM kill.
    """
    for node in setup.nodes:
        heap = _heap(node)
        buffer = node.value("log.cleaner.dedupe.buffer.size")
        size = int(buffer) if buffer.isdigit() else CLEANER_BUFFER
        off = node.value("log.cleaner.enable") == "false"
        if heap and node.is_broker and not off and heap < size + NEEDED_BESIDE_BUFFER and node.image.name:
            yield Match(
                node.service.environment["KAFKA_HEAP_OPTS"].place,
                f"a heap of {heap >> 20} MB can't hold the log cleaner's buffer of {size >> 20} MB",
                "write -Xmx256m or more, or a smaller KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE",
                (SetVariable(node.name, "KAFKA_HEAP_OPTS", "-Xmx256m -Xms256m"),) if size == CLEANER_BUFFER else (),
            )


@rule(
    "KAFKA-HEAP-OVER-LIMIT",
    "warning",
    wrong="""
        services:
          broker:
            mem_limit: 512m
    """,
    right="""
        services:
          broker:
            mem_limit: 1536m
    """,
)
def heap_over_limit(setup: Setup) -> Iterator[Match]:
    """The container's memory limit does not leave room for the heap.

    The start script asks for a heap of 1 GB unless KAFKA_HEAP_OPTS says otherwise. The kernel kills the container when
    it grows beyond its limit: exit code 137.
    """
    for node in setup.nodes:
        limit = node.service.memory
        options = node.service.environment.get("KAFKA_HEAP_OPTS")
        heap = _heap(node) if options else DEFAULT_HEAP if node.image in {APACHE, CONFLUENT} and node.complete else None
        relative = options and "MaxRAMPercentage" in (options.value or "")
        if limit and heap and not relative and limit.bytes < heap + BESIDE_HEAP:
            given = "" if options else ", the default,"
            yield Match(
                limit.place,
                f"a limit of {limit.bytes >> 20} MB leaves no room beside a heap of {heap >> 20} MB{given} "
                f"for the rest of {node.name}",
                f"raise the limit to {(heap + heap // 2) >> 20}m, or set KAFKA_HEAP_OPTS: -Xmx{limit.bytes >> 21}m",
            )


def _is_for_data(mount: Mount, node: KafkaNode) -> bool:
    """Whether a mount looks as if it should hold Kafka's data."""
    target = mount.target
    if mount.kind == "config" or "." in target.rpartition("/")[2] or UNKNOWN in target:
        return False
    if any(word in part for part in target.strip("/").split("/") for word in OWN_FOLDERS):
        return False
    if any(target == folder or target.startswith(f"{folder}/") for folder in node.image.config_folders):
        return False
    if mount.kind == "bind":  # a folder of the host may hold anything
        return target in {node.image.data_folder, *DATA_FOLDERS}
    return target.startswith(node.image.data_folder) or "kafka" in target or "data" in target


def _fits(mount: Mount, node: KafkaNode) -> bool:
    """Whether the image's user can write to a new volume that is mounted there: the folder is the image's own."""
    return mount.kind == "volume" and mount.target == node.image.data_folder


def _log_dirs(node: KafkaNode) -> list[str]:
    """The folders of the data; nothing where they are unknown."""
    setting = node.settings.get("log.dirs") or node.settings.get("log.dir")
    if setting:
        return [folder.rstrip("/") for folder in setting.entries] if setting.known else []
    known = node.image is APACHE and node.complete and ROLES in node.settings
    return [KAFKA_LOG_DIRS] if known else []


def _is_below(folder: str, parent: str) -> bool:
    return folder == parent or folder.startswith(f"{parent.rstrip('/')}/")


def _where(node: KafkaNode, folder: str) -> tuple[str, str] | None:
    """(volume or path of the host, folder below it) of a folder of a node; None where no mount holds it."""
    holding = [mount for mount in node.service.mounts if mount.source and _is_below(folder, mount.target)]
    if not holding:
        return None
    mount = max(holding, key=lambda one: len(one.target))
    return mount.source, folder.removeprefix(mount.target)


def _heap(node: KafkaNode) -> int | None:
    """-Xmx of KAFKA_HEAP_OPTS in bytes."""
    options = node.service.environment.get("KAFKA_HEAP_OPTS")
    match = _HEAP.search((options.value or "") if options else "")
    return int(match[1]) * _UNITS[match[2].lower()] if match else None
