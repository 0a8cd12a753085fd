"""The preset labs on every Kafka version that has a version lock file. A run of all writes docs/versions.md."""

import re
from pathlib import Path

import pytest

from labctl.version_lock import load_lock, locked_versions
from labctl.versions import has
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, lab_yaml

pytestmark = [pytest.mark.network]

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "versions.md"
VERSIONS = locked_versions()
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
LABS = {"homework": VERSIONS, "cluster": VERSIONS, "isolated": [NEWEST], "secure": VERSIONS}
RUNTIMES = {"local": pytest.mark.local, "compose": pytest.mark.docker}
INTRODUCTION = """\
# Tested versions of Kafka

Written by a run of the tests (tests/integration/test_versions.py), which start each lab with each version that has a
version lock file, as processes of this machine and in Docker (the image of `labctl image build`), and run every check.
"""
RUNS = [(lab, version, runtime) for runtime in RUNTIMES for version in VERSIONS for lab in LABS if version in LABS[lab]]


@pytest.fixture(scope="module")
def table():
    """The checks of each run: {(lab, version, runtime): checks}. A complete table is written into the docs."""
    runs = {}
    yield runs
    if set(runs) == set(RUNS):
        cells = {run: _cell(checks) for run, checks in runs.items()}
        text = INTRODUCTION
        for runtime, title in {"local": "Processes of this machine", "compose": "Docker"}.items():
            rows = [
                f"| {version} | " + " | ".join(cells.get((lab, version, runtime), "not tested") for lab in LABS) + " |"
                for version in VERSIONS
            ]
            head = [f"| Kafka | {' | '.join(LABS)} |", f"| --- |{' --- |' * len(LABS)}"]
            text += "\n".join([f"\n## {title}\n", *head, *rows, ""])
        DOCUMENT.write_text(text)


def _cell(checks):
    status = {check["name"]: check["status"] for check in checks}
    passed = sum(result == "passed" for result in status.values())
    skipped = [name for name, result in status.items() if result == "skipped"]
    return f"{passed} checks passed; skipped: {', '.join(skipped)}"


@pytest.fixture
def runtime_labctl(request, runtime):
    """A labctl that runs its labs in the runtime."""
    return request.getfixturevalue("engine_labctl" if runtime == "compose" else "labctl")


@pytest.fixture
def image(runtime_labctl, runtime, version):
    """The image of this version, built where nodes are containers."""
    if runtime == "local":
        yield
        return
    runtime_labctl.run("image", "build", "--kafka", version, timeout=300, check=True)
    yield
    if version != NEWEST:  # which other tests use
        docker("image", "rm", "--force", f"{OWN_IMAGE}:{version}")


@pytest.mark.usefixtures("image")
@pytest.mark.timeout(700)  # an image may have to be built
@pytest.mark.parametrize(
    ("lab", "version", "runtime"), [pytest.param(*run, marks=RUNTIMES[run[2]], id="-".join(run)) for run in RUNS]
)
def test_each_lab_on_each_version(runtime_labctl, table, lab, version, runtime):
    """`up --kafka VERSION` succeeds, and every check passes that applies to the version and the lab."""
    labctl = runtime_labctl
    without_image = re.sub(r"^  image: .*\n", "", lab_yaml(lab), flags=re.MULTILINE)
    labctl.spec(without_image.replace("\nkafka:\n", f"\nkafka:\n  image: {OWN_IMAGE}\n"))
    up = labctl.run("up", "--kafka", version, "--runtime", runtime, "--checks", "none", timeout=280)
    assert up.returncode == 0, up.stderr
    report = labctl.json("check")
    assert report["kafka_version"] == version
    status = {check["name"]: check["status"] for check in report["checks"]}
    skipped = {"ui"}
    if not has(version, "share groups"):
        skipped.add("share-group")
    if lab not in {"cluster", "isolated"}:
        skipped.add("replication")
    if lab != "secure":
        skipped.add("security")
    expected = dict.fromkeys(status, "passed") | dict.fromkeys(skipped, "skipped")
    assert status == expected, [(check["name"], check["detail"]) for check in report["checks"]]
    assert all(node["memory"] for node in report["nodes"])
    node = next(name for name in (node["name"] for node in report["nodes"]) if name.startswith("broker"))
    if lab != "secure":
        server = ("--bootstrap-server", report["endpoints"]["internal"])
        left = set(labctl.tool("kafka-topics.sh", "--list", *server, node=node).stdout.split())
        assert {name for name in left if not name.startswith("__")} == {"orders"}
    table[lab, version, runtime] = report["checks"]


@pytest.mark.local
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_script_finds_its_classes(labctl, version):
    """Every script starts, although the version lock files leave out Kafka Connect."""
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--kafka", version, "--checks", "none", check=True)
    missing = {}
    for script in load_lock(version).scripts:
        result = labctl.tool(script, "--help", check=False)
        if re.search("NoClassDefFound|ClassNotFound|[Cc]ould not find or load", result.stdout + result.stderr):
            missing[script] = result.stderr
    assert missing == {}
