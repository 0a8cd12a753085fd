"""The ready labs on every version of Kafka that has a lock; a whole run writes docs/versions.md."""

import re
from pathlib import Path

import pytest

from labctl.runtime.jvm.version_lock import load_lock, locked_versions
from labctl.versions import has
from tests.integration.labs import lab_yaml

pytestmark = [pytest.mark.local, pytest.mark.network]

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "versions.md"
VERSIONS = locked_versions()
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
LABS = {"homework": VERSIONS, "cluster": VERSIONS, "isolated": [NEWEST], "secure": [OLDEST, NEWEST]}
INTRODUCTION = """\
# Tested versions of Kafka

Written by a run of the tests (tests/integration/test_versions.py): each lab brought up in the local runtime with each
version that has a lock, and every check asked.
"""
RUNS = [(lab, version) for lab, tested in LABS.items() for version in tested]


@pytest.fixture(scope="module")
def table():
    """What each run found: {(lab, version): its checks}. Written into the docs where every run was there."""
    found = {}
    yield found
    if set(found) == set(RUNS):
        cells = {run: _cell(checks) for run, checks in found.items()}
        rows = [
            f"| {version} | " + " | ".join(cells.get((lab, version), "not tested") for lab in LABS) + " |"
            for version in VERSIONS
        ]
        head = [f"| Kafka | {' | '.join(LABS)} |", f"| --- |{' --- |' * len(LABS)}"]
        DOCUMENT.write_text("\n".join([INTRODUCTION, *head, *rows, ""]))


def _cell(checks):
    status = {check["name"]: check["status"] for check in checks}
    passed = sum(one == "passed" for one in status.values())
    skipped = [name for name, one in status.items() if one == "skipped"]
    return f"{passed} checks passed; not asked: {', '.join(skipped)}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lab", "version"), RUNS)
def test_each_lab_on_each_version(labctl, table, lab, version):
    """`up --kafka V` just works: every check passes that the version and the lab have."""
    labctl.spec(lab_yaml(lab))
    up = labctl.run("up", "--kafka", version, "--checks", "none", timeout=280)
    assert up.returncode == 0, up.stderr
    seen = labctl.json("check")
    assert seen["kafka_version"] == version
    status = {check["name"]: check["status"] for check in seen["checks"]}
    not_asked = {"ui"}
    if not has(version, "share groups"):
        not_asked.add("share-group")
    if lab not in {"cluster", "isolated"}:
        not_asked.add("replication")
    if lab != "secure":
        not_asked.add("security")
    wanted = dict.fromkeys(status, "passed") | dict.fromkeys(not_asked, "skipped")
    assert status == wanted, [(one["name"], one["detail"]) for one in seen["checks"]]
    assert all(node["memory"] for node in seen["nodes"])
    node = next(name for name in (one["name"] for one in seen["nodes"]) if name.startswith("broker"))
    if lab != "secure":
        server = ("--bootstrap-server", seen["endpoints"]["internal"])
        left = set(labctl.tool("kafka-topics.sh", "--list", *server, node=node).stdout.split())
        assert {name for name in left if not name.startswith("__")} == {"orders"}
    table[lab, version] = seen["checks"]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_script_finds_its_classes(labctl, version):
    """The locks leave Kafka Connect out: no script may miss it."""
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--kafka", version, "--checks", "none", check=True)
    missing = {}
    for script in load_lock(version).scripts:
        said = labctl.tool(script, "--help", check=False)
        if re.search("NoClassDefFound|ClassNotFound|[Cc]ould not find or load", said.stdout + said.stderr):
            missing[script] = said.stderr
    assert missing == {}
