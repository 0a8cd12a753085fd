"""The docker command, broken docker commands, and the objects that the engine has."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def engine_of(labctl):
    """Return the environment in which `labctl` uses the engine of this test run."""
    environment = {key: value for key, value in labctl.env.items() if key != "DOCKER_HOST"}
    return environment | {key: os.environ[key] for key in ("DOCKER_HOST",) if key in os.environ}


def a_docker_on_path(folder, script):
    """Return an environment whose docker command is the shell script `script`."""
    fake = folder / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return {"PATH": f"{fake.parent}:{os.environ['PATH']}"}


@contextlib.contextmanager
def docker_as_nobody(folder):
    """Yield an environment whose docker command runs as the user nobody, who may not use the engine's socket."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    program = shutil.which("docker")
    assert program
    with tempfile.TemporaryDirectory() as readable:  # only root can read pytest's folders
        Path(readable).chmod(0o755)
        copy = shutil.copy(program, readable)
        nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env -u DOCKER_CONFIG HOME=/nonexistent"
        yield a_docker_on_path(folder, f'exec {nobody} {copy} "$@"')


def docker(*arguments, input=None, env=None):
    """Run a docker command and return its output."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=100, check=False, input=input, env=env
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lab_objects(name):
    """Return the lab's containers, volumes and networks that the engine has: {kind: names}."""
    formats = {"container": "{{.Names}}", "volume": "{{.Name}}", "network": "{{.Name}}"}
    options = {"container": ["--all"], "volume": [], "network": []}
    return {
        kind: sorted(
            docker(kind, "ls", *options[kind], "--filter", f"label=labctl.lab={name}", "--format", template).split()
        )
        for kind, template in formats.items()
    }


def all_names():
    """Return the names of all containers, volumes and networks that the engine has."""
    containers = docker("container", "ls", "--all", "--format", "{{.Names}}")
    others = [docker(kind, "ls", "--format", "{{.Name}}") for kind in ("volume", "network")]
    return " ".join([containers, *others]).split()
