"""The compose runtime without an engine: docker's error messages, the choice of `auto`, a remote engine's addresses."""

import json
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labctl.errors import HostError, RuntimeFailed, SpecError
from labctl.known_faults import DOCKER_FAULTS
from labctl.lab.reporter import NullReporter
from labctl.plan.model import Decision, EngineFacts
from labctl.runtime.access import find_engine
from labctl.runtime.docker.compose import ComposeRuntime
from labctl.runtime.docker.compose_file import COMPOSE_FILE, render_compose
from labctl.runtime.docker.engine import CREATOR_MARK, MARK, Engine, _pasteable
from labctl.runtime.docker.engine_version import EngineVersion, parse_version
from labctl.runtime.docker.errors import docker_error
from labctl.runtime.selection import choose
from labctl.spec.loader import parse_spec
from labctl.spec.model import default_spec
from tests.fakes import FACTS, IDENTITY, a_plan


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            "no Docker Engine responds",
        ),
        ("permission denied while trying to connect to the Docker daemon socket at unix:///x", "no permission"),
        ("toomanyrequests: You have reached your pull rate limit.", "allows no more pulls for now"),
        ("manifest for apache/kafka:9.9.9 not found: manifest unknown", "has no such image"),
        ("Get https://registry/v2/: dial tcp: lookup registry: no such host", "can't be reached"),
        ("Bind for 127.0.0.1:9094 failed: port is already allocated", "port 9094 is in use by another program"),
        (
            'Conflict. The container name "/broker" is already in use by container "1f"',
            "a container broker that labctl",
        ),
        (
            'creating container storage: the container name "broker" is already in use by 1f: that name is',
            "a container broker that labctl",
        ),
        (
            "cannot listen on the TCP port: listen tcp4 127.0.0.1:9094: bind: address already in use",
            "port 9094 is in use",
        ),
        ("docker: 'compose' is not a docker command.", "the docker command has no Compose"),
        ("docker: unknown command: docker compose", "the docker command has no Compose"),
        ("failed to bind host port 127.0.0.1:9094/tcp: address already in use", "port 9094 is in use by another"),
        ("failed to bind host port for 127.0.0.1:9094:172.18.0.2:9094/tcp: address already in use", "9094 is in use"),
        ("can't set healthcheck.start_interval as feature require Docker Engine v25 or later", "Engine is too old"),
        ("failed to create: mkdir /x: no space left on device", "disk that holds the Docker Engine's data is full"),
        ("could not find an available, non-overlapping IPv4 address pool among the defaults", "no free subnet"),
        ("all predefined address pools have been fully subnetted", "no free subnet"),
        ("container is marked for removal and cannot be started", "removed from outside while it was starting"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not for linux/arm64/v8"),
    ],
)
def test_docker_s_output_becomes_a_message_and_a_remedy(output, message):
    """The error has exit code 3 and quotes docker's output."""
    error = docker_error("docker compose up", 1, f"something before\n{output}\nsomething after\n")
    assert isinstance(error, HostError)
    assert message in error.message
    assert output in error.message
    assert error.hint


def test_docker_without_the_compose_plugin():
    """Docker 26 and 28 report an unknown flag: this line is quoted, not the usage text below it."""
    usage = "\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n"
    older = "\nSee 'docker --help'.\n\nUsage:  docker [OPTIONS] COMMAND\n\n  --tlscacert string   Trust certs\n"
    for flag, help_ in (("unknown flag: --file", older), ("unknown shorthand flag: 'f' in -f", usage)):
        error = docker_error("docker compose --file x up", 125, flag + help_)
        assert error.message == f"the docker command has no Compose: {flag}"
    error = docker_error("docker buildx build --build-context x", 125, "unknown flag: --build-context" + usage)
    assert error.message == "the docker command has no buildx, which builds images: unknown flag: --build-context"
    strange = docker_error("docker compose --file x up --quite", 16, "unknown flag: --quite")
    assert isinstance(strange, RuntimeFailed)


def test_an_unknown_failure_quotes_a_command_to_paste():
    """It is shown without labctl's own timeout and environment mark."""
    command = ["/usr/bin/env", "LABCTL_LAB=/x", "/usr/bin/timeout", "90.0", "docker", "compose", "-f", "a b.yml", "up"]
    error = docker_error(_pasteable(command), 1, "no such thing as a cat")
    assert isinstance(error, RuntimeFailed)
    assert error.message == "`docker compose -f 'a b.yml' up` ended with exit code 1: no such thing as a cat"


class FakeEngine:
    """An engine whose responses the test specifies."""

    def __init__(self, *, error=None, version="27.1", kind="docker", compose=None, image=False, manifest=False):
        self.error = error
        self.server_version = version
        self.kind = kind
        self.compose = compose
        self.image = image
        self.manifest = manifest

    def __call__(self):
        return self

    def version(self, _seconds=0):
        if self.error:
            raise HostError(self.error)
        return EngineVersion(self.kind, self.server_version)

    def place(self):
        return "", ""

    def containers(self, _names):
        return {}  # these tests may run in a container of another engine

    def compose_version(self):
        if self.compose:
            raise HostError(self.compose)
        return "2.26.1"

    def has_image(self, _image):
        return self.image

    def has_manifest(self, _image, _seconds):
        return self.manifest


@pytest.mark.parametrize(
    ("engine", "pull", "runtime", "reason"),
    [
        (FakeEngine(error="no Docker Engine responds: x"), "missing", "local", "no Docker Engine responds: x"),
        (FakeEngine(compose="the docker command has no Compose: x", image=True), "missing", "local", "no Compose: x"),
        (
            FakeEngine(version="20.10.24+dfsg1", image=True),
            "missing",
            "local",
            "Docker Engine 20.10.24+dfsg1 is too old: the lab's health check needs version 25",
        ),
        (FakeEngine(version="dev", image=True), "missing", "compose", "Docker Engine dev responds"),
        (FakeEngine(image=True), "missing", "compose", "Docker Engine 27.1 responds and has kafka:1"),
        (FakeEngine(version="4.3.1", kind="podman", image=True), "missing", "compose", "Podman 4.3.1 responds and has"),
        (
            FakeEngine(version="4.2.9", kind="podman"),
            "missing",
            "local",
            "Podman 4.2.9 is too old: labctl is tested with",
        ),
        (FakeEngine(manifest=True), "missing", "compose", "responds and can pull kafka:1"),
        (FakeEngine(manifest=True), "never", "local", "kafka.pull is never"),
        (FakeEngine(), "missing", "local", "kafka:1 is not present and no registry has it"),
    ],
)
def test_auto_chooses_compose_where_it_can_work(monkeypatch, engine, pull, runtime, reason):
    """It needs an engine that responds and an image that is present or can be pulled; the reason is reported."""
    monkeypatch.setattr("labctl.runtime.docker.engine.Engine", engine)
    chosen, facts = choose(parse_spec(f"kafka: {{image: 'kafka:1', pull: {pull}}}\n"))
    assert chosen.name == runtime
    assert reason in chosen.reason
    assert (facts is not None) == (runtime == "compose")


DOCKER_SERVER = {"Version": "26.1.5", "KernelVersion": "6.1", "Components": [{"Name": "Engine"}, {"Name": "runc"}]}
PODMAN_SERVER = {
    "Version": "4.3.1",
    "KernelVersion": "6.1",
    "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}, {"Name": "Engine"}],
}


@pytest.mark.parametrize(
    ("server", "engine"),
    [
        (DOCKER_SERVER, EngineVersion("docker", "26.1.5", "6.1")),
        (PODMAN_SERVER, EngineVersion("podman", "4.3.1", "6.1")),
        ({"Version": "18.09"}, EngineVersion("docker", "18.09")),
    ],
)
def test_an_engine_is_known_by_its_components(server, engine):
    """Podman's server has a component called Engine too."""
    assert parse_version(json.dumps(server)) == engine


def test_podman_s_own_command_is_no_docker_command():
    """Where podman-docker is installed, `docker` prints no server. The remedy names what labctl needs instead."""
    with pytest.raises(HostError, match="the docker command is Podman's own") as refused:
        parse_version("null\n")
    assert refused.value.fault == "podman-command"
    assert "DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock" in refused.value.hint


@pytest.mark.parametrize("output", ["warning: a wrapper\n", '{"Components": []}', "[]"])
def test_a_docker_command_that_prints_something_else(output):
    """Another program's output is an error with a remedy; `auto` chooses the local runtime then."""
    with pytest.raises(HostError, match="the docker command is not Docker's own") as refused:
        parse_version(output)
    assert "--runtime local" in refused.value.hint


@pytest.mark.parametrize(("kernel", "shares"), [("6.1", True), ("6.10.14-linuxkit", False)])
def test_the_memory_of_a_virtual_machine_is_its_own(monkeypatch, kernel, shares):
    """An engine on another kernel than this machine's, as Docker Desktop's or Colima's, is in a virtual machine."""
    monkeypatch.setattr("platform.release", lambda: "6.1")
    monkeypatch.setattr(Engine, "place", lambda _: ("DOCKER_CONTEXT=desktop", ""))
    monkeypatch.setattr(Engine, "version", lambda _: EngineVersion("docker", "28.2", kernel))
    monkeypatch.setattr(Engine, "containers", lambda *_: {})
    found = find_engine(Decision("compose", "for the test"), default_spec())
    assert found == EngineFacts("DOCKER_CONTEXT=desktop", "", "docker", shares_memory=shares)


def test_an_old_engine_is_refused_before_a_lab_is_created(monkeypatch):
    """Also where lab.yaml requests the compose runtime."""
    monkeypatch.setattr(Engine, "place", lambda _: ("DOCKER_CONTEXT=default", ""))
    monkeypatch.setattr(Engine, "version", lambda _: EngineVersion("podman", "3.4.4"))
    monkeypatch.setattr(Engine, "containers", lambda *_: {})
    with pytest.raises(HostError, match=r"Podman 3\.4\.4 is too old: labctl is tested with version 4\.3"):
        find_engine(Decision("compose", "for the test"), default_spec())


def in_a_virtual_machine(monkeypatch, folder, memory):
    """Return the runtime of a lab whose engine is in a virtual machine with so many bytes of memory."""
    monkeypatch.setattr(Engine, "has_image", lambda *_: True)
    monkeypatch.setattr(Engine, "_inspected", lambda *_: {})
    monkeypatch.setattr(Engine, "memory", lambda _: memory)
    plan = a_plan(runtime="compose", identity=replace(IDENTITY, engine_shares_memory=False))
    return ComposeRuntime(plan, folder, NullReporter())


def test_a_virtual_machine_with_too_little_memory(monkeypatch, tmp_path):
    """`prepare` gets the engine's memory; the error has the known fault, both sizes, and where to change the size."""
    runtime = in_a_virtual_machine(monkeypatch, tmp_path, 700 << 20)
    with pytest.raises(HostError, match=r"needs 768 MiB of memory .*, the engine's machine has 700 MiB") as refused:
        runtime.prepare()
    assert refused.value.fault == "no-memory"
    assert "Docker Desktop" in refused.value.hint


def test_a_virtual_machine_with_enough_memory(monkeypatch, tmp_path):
    """Nothing is refused, however little memory this machine has."""
    in_a_virtual_machine(monkeypatch, tmp_path, 800 << 20).prepare()


@pytest.mark.parametrize(
    ("ended", "services"), [({"broker-1", "broker-2", "broker-3"}, [[]]), ({"broker-2"}, [["broker-2"]]), (set(), [])]
)
def test_up_of_a_lab_that_runs_names_the_services_that_ended(monkeypatch, tmp_path, ended, services):
    """Compose would create all containers with other settings again at once. A lab that is stopped starts whole."""
    plan = a_plan("name: lab\nkafka: {brokers: 3}\nui: {kind: none}\n", runtime="compose")
    labels = {"Labels": {"labctl.cluster": plan.cluster_id}}
    found = {
        node.container: {
            "Config": labels,
            "State": {"Status": "exited" if node.name in ended else "running", "ExitCode": 0},
        }
        for node in plan.nodes
    }
    called = []
    monkeypatch.setattr(Engine, "has_image", lambda *_: True)
    monkeypatch.setattr(Engine, "containers", lambda *_: found)
    monkeypatch.setattr(Engine, "volumes", lambda *_: {})
    monkeypatch.setattr(Engine, "logs", lambda *_: "")
    monkeypatch.setattr(Engine, "compose_up", lambda _engine, _file, names: called.append(names))
    runtime = ComposeRuntime(plan, tmp_path, NullReporter())
    runtime.prepare()
    runtime.up()
    assert called == services


def test_podman_gets_no_start_interval():
    """Compose refuses it there. On a Docker Engine a healthy node is known sooner by it."""
    on_docker, on_podman = (
        render_compose(a_plan(runtime="compose", identity=replace(IDENTITY, engine_kind=kind)))[COMPOSE_FILE]
        for kind in ("docker", "podman")
    )
    removed = [line for line in on_docker.splitlines() if line not in on_podman.splitlines()]
    assert removed == ["      start_interval: 1s"]


def test_files_are_labelled_where_selinux_is_on():
    """Elsewhere the file has no such option; a path with a colon can't be combined with one."""
    plan = partial(a_plan, "security: {protocol: sasl_ssl}\n", runtime="compose", facts=replace(FACTS, selinux=True))
    assert render_compose(plan())[COMPOSE_FILE].count("selinux: Z}") == 2
    assert "selinux" not in render_compose(plan(facts=FACTS))[COMPOSE_FILE]
    odd = plan(identity=replace(IDENTITY, state="/state:1/labs/lab"))
    assert "selinux" not in render_compose(odd)[COMPOSE_FILE]


def test_plan_does_not_ask_a_registry(monkeypatch):
    """It reports that the choice depends on the registry."""
    monkeypatch.setattr("labctl.runtime.docker.engine.Engine", FakeEngine())
    chosen, _facts = choose(parse_spec("kafka: {image: 'kafka:1'}"), ask_registry=False)
    assert chosen.reason.endswith("if kafka:1 can be pulled")


def test_no_docker_on_path():
    """The remedy names the runtime that does not need it."""
    with pytest.raises(HostError, match="no docker command on PATH") as caught:
        Engine().version()
    assert "--runtime local" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("unix:///var/run/docker.sock", ""),
        ("tcp://127.0.0.1:2375", ""),
        ("ssh://me@build.example.org", "build.example.org"),
        ("tcp://10.1.2.3:2376", "10.1.2.3"),
        ("10.1.2.3:2375", "10.1.2.3"),
    ],
)
def test_the_engine_s_machine_follows_from_docker_host(monkeypatch, url, host):
    """A socket belongs to this machine."""
    monkeypatch.setenv("DOCKER_HOST", url)
    assert Engine().place() == (f"DOCKER_HOST={url}", host)


@pytest.mark.parametrize(
    "message",
    [
        "failed to connect to the docker API at unix:///x.sock: dial unix /x.sock: connect: no such file or directory",
        "error during connect: Get http://far:2375/v1.45/x: dial tcp: lookup far: no such host",
    ],
)
def test_an_engine_that_is_not_there_is_no_missing_container(monkeypatch, message):
    """The message of an unreachable engine contains `no such` too."""
    completed = subprocess.CompletedProcess(["docker", "container", "inspect", "broker"], 1, "[]", message)
    monkeypatch.setattr(Engine, "_run", lambda *_: completed)
    with pytest.raises(HostError, match="no Docker Engine responds"):
        Engine().containers(["broker"])
    completed.stderr = "Error response from daemon: No such container: broker"
    assert Engine().containers(["broker"]) == {}


@pytest.mark.parametrize(
    "printed",
    [
        'Error response from daemon: no container with name or ID "x" found: no such container',
        "Error response from daemon: network not found\nexit status 1",
        'Error response from daemon: "labctl-x" has associated containers: network is being used\nexit status 1',
        "Error response from daemon: volume x is being used by the following container(s): 1f: volume is being used",
    ],
)
def test_podman_s_words_for_what_is_gone_or_in_use(monkeypatch, printed):
    """`down` looks again, as it does on a Docker Engine."""
    completed = subprocess.CompletedProcess(["docker", "rm"], 1, "", printed)
    monkeypatch.setattr(Engine, "_run", lambda *_: completed)
    Engine().remove({"container": ["x"], "network": ["x"], "volume": ["x"]})


def test_a_lab_stays_on_the_engine_it_was_created_on(monkeypatch, tmp_path):
    """DOCKER_HOST and the current context do not change it."""
    (tmp_path / "docker").touch(mode=0o755)
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    command = Engine("/lab", pin="DOCKER_CONTEXT=far").command("ps")
    assert command[1:] == ["-u", "DOCKER_HOST", "LABCTL_LAB=/lab", "DOCKER_CONTEXT=far", "docker", "ps"]
    command = Engine("/lab", pin="DOCKER_HOST=unix:///x").command("ps")
    assert command[1:] == ["LABCTL_LAB=/lab", "DOCKER_HOST=unix:///x", "docker", "ps"]


def test_the_volumes_of_a_lab_s_containers_are_removed(monkeypatch):
    """The lab's own volumes without a label and unnamed volumes too, but no other volume that is mounted there."""
    output = {
        "container": f"lab-broker labctl-lab_broker-data,{'a' * 64},precious,/a/folder\nlab-broker-2 labctl-lab_x\n",
        "volume": "labctl-lab_broker-2-data\n",
        "network": "",
    }
    monkeypatch.setattr(Engine, "_output", lambda _self, arguments: output[arguments[0]])
    assert Engine().objects("labctl.cluster=x", ["labctl-lab_broker-data", "labctl-lab_broker-2-data"]) == {
        "container": ["lab-broker", "lab-broker-2"],
        "volume": ["labctl-lab_broker-2-data", "labctl-lab_broker-data"],
        "network": [],
        "unnamed volume": ["a" * 64],
    }


class Program:
    """A docker process whose labctl was killed."""

    def __init__(self, pid):
        self.pid = pid


def test_commands_that_create_objects_may_finish(monkeypatch):
    """Other commands are killed. A command that does not finish is reported with its pid."""
    pull, up = Program(7), Program(8)
    killed = []
    found = {MARK: [pull], CREATOR_MARK: [up]}
    monkeypatch.setattr("labctl.system.processes.with_environment", lambda name, _mark: found[name])
    monkeypatch.setattr("labctl.system.processes.kill", killed.extend)
    monkeypatch.setattr("labctl.system.processes.wait", lambda *_: [])
    Engine().end_commands()
    monkeypatch.setattr("labctl.system.processes.wait", lambda waited, _seconds: waited)
    with pytest.raises(RuntimeFailed, match=r"an earlier one still works on this lab \(pid 8\)") as failed:
        Engine().end_commands()
    assert failed.value.hint == "wait, or end it (kill 8); then run labctl down again"
    assert killed == [pull, pull]


def test_busybox_s_timeout_is_not_used(monkeypatch, tmp_path):
    """Its options and exit codes differ from GNU timeout, so labctl's own timeout ends the command."""
    (tmp_path / "docker").touch(mode=0o755)
    (tmp_path / "busybox").touch(mode=0o755)
    (tmp_path / "timeout").symlink_to("busybox")
    completed = subprocess.CompletedProcess([], 0, "PID   RSS\n1     378m\n", "")
    called = []

    def run(command, **_):
        called.append(command)
        return completed

    monkeypatch.setattr(subprocess, "run", run)
    assert Engine().rss_bytes("broker") is None
    assert any(word.endswith("command_timeout.py") for word in called[0])


def test_every_fault_of_docker_is_in_the_documentation():
    """tests/integration/test_known_faults.py writes docs/faults.md."""
    documentation = (Path(__file__).parent.parent / "docs" / "faults.md").read_text()
    missing = [
        fault.name
        for fault in DOCKER_FAULTS
        if f"| {fault.name} | docker" not in documentation or fault.remedy not in documentation
    ]
    assert missing == []


def test_a_remote_engine_s_host_is_advertised():
    """Clients on this machine connect to the ports of the engine's host."""
    identity = replace(IDENTITY, engine_host="build.example.org")
    plan = a_plan("listeners: {external: {bind: 0.0.0.0}}\n", runtime="compose", identity=identity)
    assert plan.bootstrap == "build.example.org:9094"


def test_a_listener_on_a_remote_engine_s_loopback_is_refused():
    """No client on this machine could reach it."""
    identity = replace(IDENTITY, engine_host="build.example.org")
    with pytest.raises(SpecError, match="can't be reached from this machine"):
        a_plan(runtime="compose", identity=identity)
