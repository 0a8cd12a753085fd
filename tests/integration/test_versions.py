"""The preset labs on every Kafka version that has a version lock file. A run of all writes docs/versions.md."""

import re
from pathlib import Path

import pytest

from labctl.version_lock import load_lock, locked_versions
from labctl.versions import has
from tests.integration.labs import lab_yaml

pytestmark = [pytest.mark.local, pytest.mark.network]

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "versions.md"
VERSIONS = locked_versions()
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
LABS = {"homework": VERSIONS, "cluster": VERSIONS, "isolated": [NEWEST], "secure": [OLDEST, NEWEST]}
INTRODUCTION = """\
# Tested versions of Kafka

Written by a run of the tests (tests/integration/test_versions.py), which start each lab in the local runtime with each
version that has a version lock file, and run every check.
"""
RUNS = [(lab, version) for lab, tested in LABS.items() for version in tested]


@pytest.fixture(scope="module")
def table():
    """The checks of each run: {(lab, version): checks}. A complete table is written into the docs."""
    runs = {}
    yield runs
    if set(runs) == set(RUNS):
        cells = {run: _cell(checks) for run, checks in runs.items()}
        rows = [
            f"| {version} | " + " | ".join(cells.get((lab, version), "not tested") for lab in LABS) + " |"
            for version in VERSIONS
        ]
        head = [f"| Kafka | {' | '.join(LABS)} |", f"| --- |{' --- |' * len(LABS)}"]
        DOCUMENT.write_text("\n".join([INTRODUCTION, *head, *rows, ""]))


def _cell(checks):
    status = {check["name"]: check["status"] for check in checks}
    passed = sum(result == "passed" for result in status.values())
    skipped = [name for name, result in status.items() if result == "skipped"]
    return f"{passed} checks passed; skipped: {', '.join(skipped)}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lab", "version"), RUNS)
def test_each_lab_on_each_version(labctl, table, lab, version):
    """`up --kafka VERSION` succeeds, and every check passes that applies to the version and the lab."""
    labctl.spec(lab_yaml(lab))
    up = labctl.run("up", "--kafka", version, "--checks", "none", timeout=280)
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
    table[lab, version] = report["checks"]


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
