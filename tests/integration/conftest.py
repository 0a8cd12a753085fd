"""Real labs: each test has its own state folder, lab names and free ports, and leaves nothing."""

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
