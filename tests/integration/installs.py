"""labctl as people install it: from its source archive, into an environment of its own."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.integration.labs import SOURCE

# all that the Makefile calls (as in .ci/run)
MAKE_PROGRAMS = ("make", "sh", "touch", "cat", "wc", "rm")
UV = (sys.executable, "-m", "uv", "--quiet")


def attempt(*command, cwd, env, timeout=300):
    """Run a command, and return how it ended."""
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def run(*command, cwd, env, timeout=300):
    """Run a command that must pass, and return its output."""
    done = attempt(*command, cwd=cwd, env=env, timeout=timeout)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-8000:]
    return output


def clean(env):
    """Return the environment without what leads Python to this checkout."""
    return {name: value for name, value in env.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def build_archive(folder):
    """Build the source archive into a folder, and return its path."""
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(SOURCE)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (archive,) = folder.glob("kafka_labctl-*.tar.gz")
    return archive


def unpack_archive(folder):
    """Build the source archive, and return the folder that it unpacks to."""
    archive = build_archive(folder)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def bare_path(folder):
    """Return a PATH with nothing but the programs that the Makefile calls: no git, no Java, no Docker."""
    folder.mkdir()
    for program in MAKE_PROGRAMS:
        (folder / program).symlink_to(shutil.which(program))
    return str(folder)


def find_python(version):
    """Return a Python of a version such as 3.12; None where this machine has none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python{version}")
    for python in (*([on_path] if on_path else []), *pyenv.glob(f"{version}.*/bin/python3")):
        ask = [str(python), "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2], sys.executable)"]
        done = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=False)
        found, _, executable = done.stdout.strip().partition(" ")
        if found == version:
            return executable  # what is on PATH may be a script that starts it
    return None
