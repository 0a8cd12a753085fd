"""The pytest plugin, as a project uses it: with one process, with workers, and with a worker that is killed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.testing import Lab
from tests.integration.labs import NO_ENGINE

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(300)]

SAMPLE = Path(__file__).parent.parent / "sample_project"


def outcome(labctl, *options, **variables):
    """Run the sample project's tests and return the counts that pytest reports, and the process."""
    project = shutil.copytree(SAMPLE, labctl.folder / "project")  # away from this project's conftest
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(project), str(project), *options],
        cwd=labctl.folder,
        env=labctl.env | variables,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    return {kind: int(count) for count, kind in re.findall(r"(\d+) (passed|failed|error)", last)}, done


@pytest.mark.parametrize("options", [(), ("-n", "4"), ("-n", "2", "--kafka-labs", "per-worker")])
def test_the_sample_project(labctl, options):
    """All tests of the sample project pass, and no lab is left."""
    counted, done = outcome(labctl, *options)
    assert counted == {"passed": 14}, done.stdout + done.stderr
    assert labctl.json("ls") == []


@pytest.mark.parametrize("labs", ["shared", "per-worker"])
def test_a_worker_that_is_killed(labctl, labs):
    """The killed worker's test fails, the others pass, and no lab is left."""
    killed = {"KILLED": str(labctl.folder / "killed")}
    counted, done = outcome(labctl, "-n", "4", "--kafka-labs", labs, **killed)
    assert counted == {"passed": 13, "failed": 1}, done.stdout + done.stderr
    assert labctl.json("ls") == []


def test_a_lab_for_any_runner(labctl, monkeypatch):
    """The context manager `Lab` works in any program."""
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    body = "with Lab() as lab: print(json.dumps([lab.bootstrap, lab.topic()]))"
    program = f"import json; from labctl.testing import Lab\n{body}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=labctl.folder, env=labctl.env, capture_output=True, text=True, check=True
    )
    bootstrap, topic = json.loads(done.stdout)
    assert bootstrap.startswith("localhost:")
    assert topic.startswith("test-")
    assert labctl.json("ls") == []
    assert Lab.__doc__
