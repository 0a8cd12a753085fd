"""A container that somebody else created, running or not, as `docker inspect` and its log show it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labctl.errors import HostError, RuntimeFailed
from labctl.runtime.docker.engine import Engine

LOG_SECONDS = 10
HEAD_BYTES, TAIL_LINES = 200_000, 400  # of a log: a broker that can't reach its quorum writes 25,000 lines a minute
SHARED_NETWORKS = {"bridge", "host", "none"}
COMPOSE_SERVICE, COMPOSE_PROJECT = "com.docker.compose.service", "com.docker.compose.project"
COMPOSE_FILES = "com.docker.compose.project.config_files"


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of a container. `state` as docker calls it: running, exited, restarting, created, paused, dead."""

    name: str
    image: str
    state: str
    exit_code: int
    error: str  # why docker could not start it; "" where it could
    started_at: str  # RFC 3339, as docker prints it; the year 1 where it never was
    restarts: int  # by docker, because it ended
    out_of_memory: bool
    health_command: tuple[str, ...]  # with CMD or CMD-SHELL; empty without a health check
    environment: Mapping[str, str]  # without what the image sets
    command: tuple[str, ...]  # where it is not the image's
    image_command: tuple[str, ...]  # the image's own
    mounts: tuple[tuple[str, str, str], ...]  # (kind, source, target), without the image's unnamed volumes
    tmpfs_modes: Mapping[str, int]  # {target: permissions}, where they were stated
    ports: tuple[tuple[int, int | None, str], ...]  # (container's port, host's port, address)
    networks: Mapping[str, tuple[str, ...]]  # {network: names there}
    network_mode: str
    hostname: str
    service: str
    project: str
    files: tuple[str, ...]  # the Compose files that it was created from
    memory: int  # the limit in bytes; 0: none

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.state == "running"


def inspect_container(engine: Engine, name: str) -> Inspected:
    """Return what is known of a container, by its name or id. Raises HostError where there is none."""
    found = inspect_containers(engine, [name])
    if not found:
        raise HostError(f"there is no container {name}", "docker ps --all lists the containers")
    return found[0]


def inspect_containers(engine: Engine, names: Sequence[str]) -> list[Inspected]:
    """Return what is known of containers, without those that do not exist."""
    found = engine.containers(names)
    images = engine.images(sorted({str(each["Image"]) for each in found.values()}))
    return [_inspected(each, images.get(str(each["Image"]), {})) for each in found.values()]


def neighbours(engine: Engine, container: Inspected) -> list[Inspected]:
    """Return the other containers of the same Compose project, and those on its networks.

    On docker's own networks are strangers, and names of containers don't work there.
    """
    networks = [network for network in container.networks if network not in SHARED_NETWORKS]
    names = engine.container_names([f"network={network}" for network in networks])
    if container.project:
        names |= engine.container_names([f"label={COMPOSE_PROJECT}={container.project}"], stopped=True)
    return inspect_containers(engine, sorted(names - {container.name}))


def read_log(engine: Engine, container: Inspected) -> str:
    """Return the beginning and the end of a container's log since its last start; "" where there is none.

    It is never read whole. Where docker restarts it, the ends before count too.
    """
    since = [] if container.restarts else ["--since", container.started_at]
    command = engine.command("logs", *since, container.name)
    head = b""
    with (
        contextlib.suppress(OSError),
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        assert process.stdout
        bound = threading.Timer(LOG_SECONDS, process.kill)
        bound.start()
        head = process.stdout.read(HEAD_BYTES)
        bound.cancel()
        process.kill()
    text = head.decode(errors="replace")
    if len(head) < HEAD_BYTES:
        return text
    try:
        tail = engine.logs(container.name, TAIL_LINES)
    except (HostError, RuntimeFailed):
        tail = ""
    return f"{text}\n{tail}"


def _inspected(found: Mapping[str, Any], image: Mapping[str, Any]) -> Inspected:
    state, config, host = found["State"], found["Config"], found["HostConfig"]
    own = image.get("Config") or {}
    inherited = set(own.get("Env") or [])
    labels = config.get("Labels") or {}
    networks = found.get("NetworkSettings", {}).get("Networks") or {}
    command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    default = [*(own.get("Entrypoint") or []), *(own.get("Cmd") or [])]
    return Inspected(
        name=str(found["Name"]).lstrip("/"),
        image=str(config["Image"]),
        state=str(state["Status"]),
        exit_code=int(state.get("ExitCode") or 0),
        error=str(state.get("Error") or ""),
        started_at=str(state.get("StartedAt") or ""),
        restarts=int(found.get("RestartCount") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        health_command=tuple((config.get("Healthcheck") or {}).get("Test") or ()),
        environment=dict(
            entry.partition("=")[::2]
            for entry in sorted(config.get("Env") or [])  # Compose's order is another one each time
            if entry not in inherited and "=" in entry
        ),
        command=() if command == default else tuple(command),
        image_command=tuple(default),
        mounts=tuple(_mounts(found, host)),
        tmpfs_modes={
            str(mount["Target"]): int(mode)
            for mount in host.get("Mounts") or []
            if (mode := (mount.get("TmpfsOptions") or {}).get("Mode")) is not None
        },
        ports=tuple(_ports(host, found)),
        networks={
            name: tuple(dict.fromkeys([*(each.get("Aliases") or []), *(each.get("DNSNames") or [])]))
            for name, each in networks.items()
        },
        network_mode="host" if host.get("NetworkMode") == "host" else "",
        hostname=str(config.get("Hostname") or ""),
        service=str(labels.get(COMPOSE_SERVICE) or ""),
        project=str(labels.get(COMPOSE_PROJECT) or ""),
        files=tuple(str(labels.get(COMPOSE_FILES) or "").split(",")),
        memory=int(host.get("Memory") or 0),
    )


def _mounts(found: Mapping[str, Any], host: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    mounts = [
        (str(mount["Type"]), str(mount.get("Name") or mount.get("Source") or ""), str(mount["Destination"]))
        for mount in found.get("Mounts") or []
        # Docker names the unnamed volumes of an image by 64 digits
        if not re.fullmatch(r"[0-9a-f]{64}", str(mount.get("Name") or ""))
    ]
    return [*mounts, *(("tmpfs", "", target) for target in host.get("Tmpfs") or {})]


def _ports(host: Mapping[str, Any], found: Mapping[str, Any]) -> list[tuple[int, int | None, str]]:
    """What is published, as it was asked for; of a running container the ports that docker chose."""
    chosen = found.get("NetworkSettings", {}).get("Ports") or {}
    asked = host.get("PortBindings") or {}
    ports = []
    for key in sorted({*chosen, *asked}):
        number, _, protocol = str(key).partition("/")
        for binding in (chosen.get(key) or asked.get(key) or []) if protocol == "tcp" else []:
            port = str(binding.get("HostPort") or "")
            ports.append((int(number), int(port) if port.isdigit() else None, str(binding.get("HostIp") or "")))
    return list(dict.fromkeys(ports))
