"""The docker command: as it is, broken, and what the engine has."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


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
    program = shutil.which("docker")
    assert program
    with tempfile.TemporaryDirectory() as readable:  # pytest's own folders are root's alone
        Path(readable).chmod(0o755)
        copy = shutil.copy(program, readable)
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
