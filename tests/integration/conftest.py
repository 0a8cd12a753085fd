"""Real labs: each test has its own state folder, lab names and free ports, and leaves nothing behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration import browser, snapshot
from tests.integration.docker_command import all_names, docker, engine_of
from tests.integration.labs import OWN_IMAGE, REAL_HOME, SOURCE, make_labctl
from tests.integration.own_engine import own_engine


@pytest.fixture(scope="session")
def docker_engine(prepared, tmp_path_factory):
    """A real engine that has the project's image, built from this checkout.

    Tests are skipped where no engine responds, or fail where LABCTL_REQUIRE_DOCKER=1 requires one.
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
    for command in ("version", "compose version"):
        done = subprocess.run(["docker", *command.split()], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            return f"`docker {command}` fails: {done.stderr.strip()}"
        if command == "version" and "containerd" not in done.stdout:
            return "the engine responds, but its containerd does not"
    return ""


@pytest.fixture(scope="module")
def other_engine(docker_engine):
    """A separate engine with the project's image, which the tests may stop and whose disk they may fill."""
    with own_engine(f"{OWN_IMAGE}:4.4.0") as engine:
        yield engine


@pytest.fixture(scope="session")
def stock_like(docker_engine):
    """An image that is laid out like apache/kafka, built here unless the engine has it."""
    if os.getuid() != 0 or not shutil.which("mmdebstrap"):
        pytest.skip("scripts/stock_like_image.py needs root and mmdebstrap")
    build_stock_like("labctl-test/stock-like")


@pytest.fixture(scope="session")
def stock_like_java_25(docker_engine):
    """The same image with Java 25, whose CDS archive does not fit its tools."""
    build_stock_like("labctl-test/stock-like-java25")


def build_stock_like(repository):
    """Build the image unless the engine has it."""
    script = SOURCE / "scripts" / "stock_like_image.py"
    subprocess.run([sys.executable, script, repository], timeout=390, check=True, cwd=SOURCE)


@pytest.fixture
def engine_labctl(tmp_path, docker_engine):
    """A fresh labctl that uses the engine. After the test its labs have left nothing there."""
    labctl = make_labctl(tmp_path / "labctl")
    labctl.env = engine_of(labctl)
    before = all_names()
    yield labctl
    labctl.end_started()
    labctl.run("down", "--all", check=True)
    orphans = set(all_names()) - set(before)
    assert not orphans, orphans


@pytest.fixture
def derived(docker_engine, tmp_path):
    """Build a faulty image on the project's image. It is removed after the test."""
    tags = []

    def build(name, *lines):
        tag = f"labctl-test/{name}:4.4.0"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Dockerfile").write_text("\n".join([f"FROM {OWN_IMAGE}:4.4.0", *lines, ""]))
        docker("buildx", "build", "--quiet", "--tag", tag, str(folder))
        tags.append(tag)
        return f"labctl-test/{name}"

    yield build
    for tag in tags:
        docker("image", "rm", "--force", tag)


@pytest.fixture(scope="session", autouse=True)
def prepared(tmp_path_factory):
    """Download and prepare Kafka once for all tests."""
    make_labctl(tmp_path_factory.mktemp("prepare")).run("cache", "warm", timeout=300, check=True)


@pytest.fixture(scope="session")
def chromium():
    """A real browser, shared by all tests."""
    with browser.launch_browser() as chromium:
        yield chromium


@pytest.fixture
def labctl(tmp_path):
    """A fresh labctl. After the test its labs have left no process, no socket and no file."""
    labctl = make_labctl(tmp_path / "labctl")
    yield labctl
    labctl.end_started()
    labctl.run("down", "--all", check=True)
    orphans = snapshot.take(labctl.state / "labs", within=tmp_path).new_since(snapshot.NOTHING)
    assert not orphans, orphans


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One running lab, shared by the tests of a module that only add to it."""
    labctl = make_labctl(tmp_path_factory.mktemp("shared"))
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    labctl.run("up", check=True)
    labctl.bootstrap = labctl.json("status")["endpoints"]["external"]
    yield labctl
    labctl.end_started()
    labctl.run("down", check=True)


@pytest.fixture
def own_cache(tmp_path):
    """An environment with an empty cache and an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return {"XDG_CACHE_HOME": str(tmp_path / "own-cache"), "HOME": str(home)}


@pytest.fixture
def copied_cache(tmp_path):
    """An environment with its own cache, which already has the jars and the AOT caches."""
    source = Path(os.environ.get("XDG_CACHE_HOME") or REAL_HOME / ".cache") / "labctl"
    shutil.copytree(source, tmp_path / "copied" / "labctl", copy_function=shutil.copy2)
    return {"XDG_CACHE_HOME": str(tmp_path / "copied"), "HOME": str(tmp_path)}
