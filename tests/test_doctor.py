"""The probes of `labctl doctor` on simulated machines."""

import platform
import resource
import socket
from datetime import UTC, datetime

import pytest

from labctl.diagnostics import doctor
from labctl.errors import HostError
from labctl.plan.model import Decision, EngineFacts
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.engine_version import EngineVersion
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore


def probe(name, text=""):
    return doctor._probed(name, doctor.PROBES[name], parse_spec(text), LabStore())


def resolved(*addresses):
    return lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]


@pytest.mark.parametrize(
    ("addresses", "status"),
    [(["127.0.0.1"], "ok"), (["127.0.0.1", "::1"], "ok"), (["::1", "127.0.0.1"], "warn"), (["::1"], "fail")],
)
def test_localhost(monkeypatch, addresses, status):
    """Kafka listens on IPv4: ::1 before 127.0.0.1 is a warning, ::1 alone a failure."""
    monkeypatch.setattr(socket, "getaddrinfo", resolved(*addresses))
    found = probe("localhost")
    assert (found.status, bool(found.remedy)) == (status, status != "ok")


@pytest.mark.parametrize(("hard", "status"), [(100, "fail"), (1024, "warn"), (1 << 20, "ok"), (-1, "ok")])
def test_open_files(monkeypatch, hard, status):
    """Java raises its limit to the hard limit, so the hard limit counts."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (64, hard))
    assert probe("files").status == status


def test_up_refuses_an_unfit_machine(monkeypatch):
    """The error has exit code 3 and the fault's name."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (64, 64))
    with pytest.raises(HostError, match="64 open files allowed") as refused:
        doctor.refuse_unfit(parse_spec(""), LabStore())
    assert refused.value.fault == "too-many-files"


class Clock(datetime):
    """A clock that shows 1999."""

    @classmethod
    def now(cls, zone=None):
        return datetime(1999, 1, 1, tzinfo=zone)


def test_a_clock_of_the_last_century(monkeypatch):
    """Certificates and downloads would be rejected."""
    monkeypatch.setattr(doctor, "datetime", Clock)
    found = probe("clock")
    assert found.status == "fail"
    assert "1999-01-01" in found.detail


def test_an_engine_with_another_clock(monkeypatch):
    """A virtual machine that was suspended is the usual cause."""
    monkeypatch.setattr(Engine, "clock", lambda *_: datetime(2026, 1, 1, tzinfo=UTC))
    assert probe("clock").status == "warn"


@pytest.mark.parametrize(("responds", "status"), [(True, "warn"), (False, "ok")])
def test_compose_is_missed_only_where_an_engine_responds(monkeypatch, responds, status):
    """Without an engine the lab runs as processes, and needs no Compose."""

    def version(*_):
        if not responds:
            raise HostError("no Docker Engine responds")
        return EngineVersion("docker", "27.1")

    def no_compose(_):
        raise HostError("the docker command has no Compose", "install it")

    monkeypatch.setattr(Engine, "version", version)
    monkeypatch.setattr(Engine, "compose_version", no_compose)
    assert probe("compose").status == status


@pytest.mark.parametrize(("total", "status"), [(4 << 30, "ok"), (512 << 20, "fail")])
def test_the_memory_of_the_engine_s_machine(monkeypatch, total, status):
    """Where the engine is in a virtual machine, its memory counts, with `auto` too."""
    engine = EngineFacts("DOCKER_CONTEXT=colima", shares_memory=False)
    monkeypatch.setattr(doctor, "choose", lambda *_, **__: (Decision("compose", "auto: for the test"), engine))
    monkeypatch.setattr(Engine, "memory", lambda *_: total)
    found = probe("memory")
    assert found.status == status
    assert f"the engine's machine has {total >> 20} MiB" in found.detail


@pytest.mark.parametrize(("runtime", "status"), [("compose", "fail"), ("auto", "ok")])
def test_an_engine_that_is_too_old(monkeypatch, runtime, status):
    """It is a failure where the lab needs it; with `auto` the lab runs as local processes instead."""
    monkeypatch.setattr(Engine, "version", lambda *_: EngineVersion("docker", "20.10.24"))
    found = probe("engine", f"runtime: {runtime}\n")
    assert found.status == status
    assert "Docker Engine 20.10.24 is too old: the lab's health check needs version 25" in found.detail


@pytest.mark.parametrize(("release", "text"), [("6.1.0", "not WSL"), ("5.15.1-microsoft-standard-WSL2", "WSL (5.15")])
def test_wsl(monkeypatch, release, text):
    """The kernel's release names WSL."""
    monkeypatch.setattr(platform, "release", lambda: release)
    assert text in probe("wsl").detail


def test_apple_silicon_behind_rosetta(monkeypatch):
    """An x86-64 Python on an arm64 Mac is a warning."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(doctor, "_uses_rosetta", lambda: True)
    assert probe("architecture").status == "warn"


def test_proxies(monkeypatch):
    """A proxy that is used for localhost too is a warning, which does not contain its password."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert probe("proxies").detail == "none"
    monkeypatch.setenv("https_proxy", "http://me:tulips@proxy:3128")
    found = probe("proxies")
    assert found.status == "warn"
    assert "tulips" not in found.detail
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert probe("proxies").status == "ok"


def test_without_docker_only_runtime_compose_fails():
    """`auto` has the local runtime; `runtime: compose` fails with a remedy."""
    assert {name: probe(name).status for name in ("engine", "compose", "image")} == dict.fromkeys(
        ("engine", "compose", "image"), "ok"
    )
    assert probe("engine", "runtime: compose\n").status == "fail"
    assert "--runtime local" in probe("engine", "runtime: compose\n").remedy


def test_memory_counts_every_node():
    """Isolated controllers are counted too."""
    assert "the lab may use 4608 MiB" in probe("memory", "kafka: {brokers: 3, controllers: 3}\n").detail


def test_the_page_s_port_counts_too():
    """A page's port that is in use is a failure, as in `up`."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = probe("ports", f"listeners: {{external: {{port: auto}}}}\nui: {{port: {port}}}\n")
    assert (found.status, str(port) in found.detail) == ("fail", True)


def test_in_docker_neither_java_nor_jars_are_needed():
    """The same holds for a version without a version lock file."""
    for name in ("java", "cache"):
        found = probe(name, 'runtime: compose\nkafka: {version: "4.2.0"}\n')
        assert (found.status, found.detail) == ("ok", "not needed: the lab runs in Docker")
