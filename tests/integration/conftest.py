"""Real labs: each test has its own state folder, lab names and free ports, and leaves nothing."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labctl.rendering.templates import render_template
from tests.integration import browser, snapshot
from tests.integration.own_engine import own_engine

SOURCE = Path(__file__).parent.parent.parent
REAL_HOME = Path.home()
OWN_IMAGE = "labctl/kafka"
NO_ENGINE = "unix:///nonexistent/docker.sock"  # what is tested with the local runtime must not find one


@dataclass
class Labctl:
    """The command `labctl` as a user runs it, in a folder and with a state folder of its own."""

    folder: Path
    env: dict
    started: list = field(default_factory=list)
    around: list = field(default_factory=list)  # a command that starts it in another place

    def run(self, *arguments, input=None, timeout=120, env=None, check=False, around=()):
        """Run it to its end; `around` is a command that runs it."""
        done = subprocess.run(
            [*self.around, *around, sys.executable, "-m", "labctl", *map(str, arguments)],
            cwd=self.folder,
            env=self.env | (env or {}),
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr + done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *arguments, env=None):
        """Start it, to be interrupted; `end_started` ends what a failed test left running."""
        process = subprocess.Popen(
            [*self.around, sys.executable, "-m", "labctl", *map(str, arguments)],
            cwd=self.folder,
            env=self.env | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def shell(self, line, timeout=120):
        """A line typed into a shell that finds the installed labctl; what it printed."""
        scripts = Path(sys.executable).parent
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self.env | {"PATH": f"{scripts}:{self.env['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def end_started(self):
        """End what `start` started and close its pipes."""
        for process in self.started:
            process.kill()
            process.communicate(timeout=10)

    def json(self, *arguments, **options):
        """Its JSON document, whatever its exit code."""
        return json.loads(self.run(*arguments, "--json", **options).stdout)

    def spec(self, text, name="lab.yaml"):
        """Write a lab.yaml; its path."""
        path = self.folder / name
        path.write_text(text)
        return path

    def tool(self, script, *arguments, input=None, check=True, node="broker"):
        """One of Kafka's own tools inside the lab of this folder."""
        return self.run("exec", node, "--", script, *arguments, input=input, check=check)

    @property
    def state(self):
        """The state folder."""
        return Path(self.env["XDG_STATE_HOME"]) / "labctl"


def lab_yaml(preset):
    """The lab.yaml of a preset, on free ports and without a page."""
    text = render_template(f"init/{preset}.yaml")
    return (
        re.sub(r"^ui:\n( .*\n)+", "", text, flags=re.MULTILINE).replace("port: 9094", "port: auto")
        + "ui: {kind: none}\n"
    )


def make_labctl(folder):
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "LABCTL_", "GITHUB_"))}
    return Labctl(work, env | {"XDG_STATE_HOME": str(folder / "state"), "DOCKER_HOST": NO_ENGINE})


def engine_of(one):
    """The environment in which the labctl `one` sees the engine that this run has."""
    seen = {key: value for key, value in one.env.items() if key != "DOCKER_HOST"}
    return seen | {key: os.environ[key] for key in ("DOCKER_HOST",) if key in os.environ}


def a_docker_on_path(folder, script):
    """An environment whose docker command is the shell script `script`."""
    fake = folder / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return {"PATH": f"{fake.parent}:{os.environ['PATH']}"}


@contextlib.contextmanager
def docker_as_nobody(folder):
    """An environment whose docker command is run as the user nobody, who may not use the engine's socket."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as readable:  # pytest's own folders are root's alone
        Path(readable).chmod(0o755)
        copy = shutil.copy(shutil.which("docker"), readable)
        nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env -u DOCKER_CONFIG HOME=/nonexistent"
        yield a_docker_on_path(folder, f'exec {nobody} {copy} "$@"')


def docker(*arguments, input=None, env=None):
    """A docker command; what it printed."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=100, check=False, input=input, env=env
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lab_objects(name):
    """What the engine has of the lab, by kind."""
    told = {"container": "{{.Names}}", "volume": "{{.Name}}", "network": "{{.Name}}"}
    options = {"container": ["--all"], "volume": [], "network": []}
    return {
        kind: sorted(
            docker(kind, "ls", *options[kind], "--filter", f"label=labctl.lab={name}", "--format", form).split()
        )
        for kind, form in told.items()
    }


def all_names():
    """Every container, volume and network that the engine has, whoever made it."""
    containers = docker("container", "ls", "--all", "--format", "{{.Names}}")
    others = [docker(kind, "ls", "--format", "{{.Name}}") for kind in ("volume", "network")]
    return " ".join([containers, *others]).split()


@pytest.fixture(scope="session")
def docker_engine(prepared, tmp_path_factory):
    """A real engine, with the project's image as this checkout makes it.

    Tests without an engine are skipped, or fail where LABCTL_REQUIRE_DOCKER=1 says that one must be.
    """
    missing = _missing_of_docker()
    assert not missing or os.environ.get("LABCTL_REQUIRE_DOCKER") != "1", missing
    if missing:
        pytest.skip(missing)
    builder = make_labctl(tmp_path_factory.mktemp("image"))
    builder.env = engine_of(builder)
    builder.run("image", "build", timeout=300, check=True)


def _missing_of_docker():
    if not shutil.which("docker"):
        return "there is no docker command"
    for question in ("version", "compose version"):
        done = subprocess.run(["docker", *question.split()], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            return f"`docker {question}` fails: {done.stderr.strip()}"
        if question == "version" and "containerd" not in done.stdout:
            return "the engine answers, and its containerd does not"
    return ""


@pytest.fixture(scope="module")
def other_engine(docker_engine):
    """An engine of the tests' own with the project's image, to be stopped and filled up."""
    with own_engine(f"{OWN_IMAGE}:4.3.1") as engine:
        yield engine


@pytest.fixture(scope="session")
def stock_like(docker_engine):
    """An image with apache/kafka's ways, made here where it is not yet."""
    if os.getuid() != 0 or not shutil.which("mmdebstrap"):
        pytest.skip("scripts/stock_like_image.py needs root and mmdebstrap")
    build_stock_like("labctl-test/stock-like")


@pytest.fixture(scope="session")
def stock_like_java_25(docker_engine):
    """One with Java 25, whose CDS archive does not fit its tools."""
    build_stock_like("labctl-test/stock-like-java25")


def build_stock_like(repository):
    """Build that image where the engine does not have it."""
    script = SOURCE / "scripts" / "stock_like_image.py"
    subprocess.run([sys.executable, script, repository], timeout=390, check=True, cwd=SOURCE)


@pytest.fixture
def engine_labctl(tmp_path, docker_engine):
    """A fresh labctl that sees the engine; nothing of its labs is left there."""
    one = make_labctl(tmp_path / "labctl")
    one.env = engine_of(one)
    before = all_names()
    yield one
    one.end_started()
    one.run("down", "--all", check=True)
    left = set(all_names()) - set(before)
    assert not left, left


@pytest.fixture
def derived(docker_engine, tmp_path):
    """Build an image on ours that goes wrong in its own way; removed afterwards."""
    tags = []

    def build(name, *lines):
        tag = f"labctl-test/{name}:4.3.1"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Dockerfile").write_text("\n".join([f"FROM {OWN_IMAGE}:4.3.1", *lines, ""]))
        docker("buildx", "build", "--quiet", "--tag", tag, str(folder))
        tags.append(tag)
        return f"labctl-test/{name}"

    yield build
    for tag in tags:
        docker("image", "rm", "--force", tag)


@pytest.fixture(scope="session", autouse=True)
def prepared(tmp_path_factory):
    """Kafka is downloaded and prepared once for all tests."""
    make_labctl(tmp_path_factory.mktemp("prepare")).run("cache", "warm", timeout=300, check=True)


@pytest.fixture(scope="session")
def chromium():
    """A real browser; one for all tests."""
    with browser.launched() as one:
        yield one


@pytest.fixture
def labctl(tmp_path):
    """A fresh labctl; every lab it made is gone afterwards, and so is everything else."""
    one = make_labctl(tmp_path / "labctl")
    yield one
    one.end_started()
    one.run("down", "--all", check=True)
    left = snapshot.take(one.state / "labs", within=tmp_path).new_since(snapshot.NOTHING)
    assert not left, left


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One running lab for the tests of a module that only add to it."""
    one = make_labctl(tmp_path_factory.mktemp("shared"))
    one.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    one.run("up", check=True)
    one.bootstrap = one.json("status")["endpoints"]["external"]
    yield one
    one.end_started()
    one.run("down", check=True)


@pytest.fixture
def own_cache(tmp_path):
    """An environment with an empty cache and an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return {"XDG_CACHE_HOME": str(tmp_path / "own-cache"), "HOME": str(home)}


@pytest.fixture
def copied_cache(tmp_path):
    """An environment with a cache of its own that has the jars and the start-up caches already."""
    source = Path(os.environ.get("XDG_CACHE_HOME") or REAL_HOME / ".cache") / "labctl"
    shutil.copytree(source, tmp_path / "copied" / "labctl", copy_function=shutil.copy2)
    return {"XDG_CACHE_HOME": str(tmp_path / "copied"), "HOME": str(tmp_path)}
