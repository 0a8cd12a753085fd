"""labctl in a container whose engine is outside: ports that it publishes on 127.0.0.1 are another machine's."""

import pytest

from labctl.errors import HostError
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.own_container import published_host
from labctl.runtime.selection import choose
from labctl.spec.model import default_spec
from tests.test_docker import FakeEngine

OWN, OTHER = "1f" * 32, "2e" * 32
DOCKER_MOUNTS = """\
812 790 254:0 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw
813 790 254:0 /var/lib/docker/containers/{id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw
"""
PODMAN_MOUNTS = """\
640 601 0:26 /containers/storage/overlay-containers/{id}/userdata/hosts /etc/hosts rw,nosuid - tmpfs tmpfs rw
"""
INNER_ENGINE = "900 790 0:61 / /var/lib/docker/containers/{id}/mounts/shm rw,nosuid - tmpfs shm rw\n"


@pytest.fixture
def machine(tmp_path):
    """Return the root folder of a machine; with a marker it is a container's."""

    def create(marker="", mounts=""):
        root = tmp_path / "root"
        (root / "run").mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/mountinfo").write_text(mounts)
        if marker:
            (root / marker).touch()
        return root

    return create


def engine(monkeypatch, *containers):
    """Return an engine that has `containers`: (id, host name, network mode)."""
    found = {
        identity: {
            "Id": identity,
            "Name": "/dev",
            "Config": {"Hostname": hostname},
            "HostConfig": {"NetworkMode": mode},
        }
        for identity, hostname, mode in containers
    }

    def inspect(_self, names):
        return {
            identity: each
            for identity, each in found.items()
            if any(name in {identity, each["Config"]["Hostname"]} for name in names)
        }

    monkeypatch.setattr(Engine, "containers", inspect)
    monkeypatch.setattr(Engine, "place", lambda _: ("DOCKER_HOST=unix:///var/run/docker.sock", ""))
    return Engine()


@pytest.mark.parametrize(
    ("marker", "mounts"),
    [(".dockerenv", DOCKER_MOUNTS), ("run/.containerenv", PODMAN_MOUNTS)],
    ids=["docker", "podman"],
)
def test_an_engine_outside_is_refused(monkeypatch, machine, marker, mounts):
    """The error names the container and the fault, has exit code 3, and a remedy that needs no engine."""
    root = machine(marker, mounts.format(id=OWN))
    with pytest.raises(HostError, match="labctl runs in the container dev, and the engine is outside") as refused:
        published_host(engine(monkeypatch, (OWN, "a-name", "bridge")), "localhost", root)
    assert (refused.value.exit_code, refused.value.fault) == (3, "engine-outside")
    assert "--runtime local" in refused.value.hint


def test_an_engine_that_docker_reaches_by_its_machine_s_name(monkeypatch, machine):
    """With DOCKER_HOST=tcp://… labctl knows that name already, and uses it for the published ports."""
    outside = engine(monkeypatch, (OWN, "dev", "bridge"))
    monkeypatch.setattr(Engine, "place", lambda _: ("DOCKER_HOST=tcp://gateway:2375", "gateway"))
    assert published_host(outside, "localhost", machine(".dockerenv", DOCKER_MOUNTS.format(id=OWN))) == ""


def test_an_engine_outside_whose_machine_has_a_name(monkeypatch, machine):
    """With listeners.external.advertise labctl connects to that name, as it does to a remote engine's machine."""
    root = machine(".dockerenv", DOCKER_MOUNTS.format(id=OWN))
    assert published_host(engine(monkeypatch, (OWN, "dev", "bridge")), "172.17.0.1", root) == "172.17.0.1"


@pytest.mark.parametrize(
    ("marker", "mounts", "containers"),
    [
        ("", DOCKER_MOUNTS, [(OWN, "dev", "bridge")]),
        (".dockerenv", DOCKER_MOUNTS, [(OWN, "dev", "host")]),
        (".dockerenv", DOCKER_MOUNTS, [(OTHER, "dev", "bridge")]),
        (".dockerenv", INNER_ENGINE, [(OWN, "dev", "bridge")]),
        (".dockerenv", "", []),
    ],
    ids=["no container", "the host's network", "another engine", "an engine in this container", "no such container"],
)
def test_an_engine_whose_ports_are_here(monkeypatch, machine, marker, mounts, containers):
    """The ports that it publishes on 127.0.0.1 can be reached, or may be another engine's."""
    monkeypatch.setattr("socket.gethostname", lambda: "another-name")
    root = machine(marker, mounts.format(id=OWN))
    assert published_host(engine(monkeypatch, *containers), "localhost", root) == ""


def test_a_container_is_known_by_its_host_name_too(monkeypatch, machine):
    """Where the mounts do not show its id."""
    monkeypatch.setattr("socket.gethostname", lambda: OWN[:12])
    with pytest.raises(HostError, match="the engine is outside"):
        published_host(engine(monkeypatch, (OWN, OWN[:12], "bridge")), "localhost", machine(".dockerenv"))


def test_auto_chooses_the_runtime_that_works_in_the_container(monkeypatch):
    """The reason says why not the engine."""

    def refuse(*_):
        raise HostError("labctl runs in the container dev, and the engine is outside of it", "", "engine-outside")

    monkeypatch.setattr("labctl.runtime.docker.engine.Engine", FakeEngine(image=True))
    monkeypatch.setattr("labctl.runtime.docker.own_container.published_host", refuse)
    chosen, _facts = choose(default_spec())
    assert chosen.name == "local"
    assert chosen.reason == "auto: labctl runs in the container dev, and the engine is outside of it"
