"""The folder to hand in, made on a real lab."""

import json
import re
import zipfile

import pytest

from labctl.evidence import remove_evidence
from tests.integration.conftest import OWN_IMAGE, lab_yaml

pytestmark = [pytest.mark.timeout(240)]

LAB = "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: quick\n"
PICTURES = {"console.png", "page-overview.png", "page-topic.png"}
FILES = PICTURES | {"README.md", "docker-compose.yml", "console.txt", "console.html", "kafka.ipynb", "report.html"}


def complete(contents):
    """Every file is there and says what it should: {name: bytes}."""
    assert set(contents) == FILES
    for name in PICTURES:
        assert contents[name].startswith(b"\x89PNG")
        assert len(contents[name]) > 5000
    console = contents["console.txt"].decode()
    assert console.count("$ ") == 6
    for expected in ("Created topic t1", "PartitionCount: 3", '{"orderid":1001,"amount":599.99}'):
        assert expected in console
    notebook = json.loads(contents["kafka.ipynb"])
    assert any(cell.get("outputs") for cell in notebook["cells"])
    compose = contents["docker-compose.yml"].decode()
    assert "KAFKA_CONTROLLER_QUORUM_VOTERS" in compose
    assert "INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:" in compose  # as in a container, wherever the lab ran
    readme = contents["README.md"].decode()
    assert set(re.findall(r"^\| \[(.+?)\]", readme, re.MULTILINE)) == FILES - {"README.md"}
    assert "could not be made" not in readme


@pytest.mark.local
@pytest.mark.browser
def test_evidence_of_a_local_lab(labctl, chromium):
    """A folder; again only with --force."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    done = labctl.run("evidence", timeout=200, check=True)
    assert "! " not in done.stderr
    folder = labctl.folder / "evidence"
    complete({path.name: path.read_bytes() for path in folder.iterdir()})
    assert "$ labctl exec broker -- /opt/kafka/bin/kafka-topics.sh" in (folder / "console.txt").read_text()
    assert labctl.run("evidence").returncode == 2
    remove_evidence(folder)  # what --force does
    assert not folder.exists()


@pytest.mark.local
@pytest.mark.browser
def test_pictures_of_a_page_with_a_lock(labctl, chromium):
    """Both are made, and the door that was there for them is gone."""
    labctl.spec(lab_yaml("secure").replace("ui: {kind: none}", "ui: {kind: page, port: auto}"))
    labctl.run("up", "--checks", "none", check=True)
    done = labctl.run("evidence", timeout=200, check=True)
    assert "! " not in done.stderr, done.stderr
    for name in PICTURES:
        assert (labctl.folder / "evidence" / name).stat().st_size > 5000
    assert not list(labctl.state.rglob("picture.html"))


@pytest.mark.docker
@pytest.mark.browser
def test_evidence_of_a_lab_in_docker(engine_labctl, chromium):
    """A ZIP file."""
    engine_labctl.spec(f"name: proof\nruntime: compose\nkafka: {{image: {OWN_IMAGE}}}\n{LAB}")
    engine_labctl.run("up", check=True)
    engine_labctl.run("evidence", "-o", "proof.zip", timeout=200, check=True)
    with zipfile.ZipFile(engine_labctl.folder / "proof.zip") as packed:
        complete({one.rpartition("/")[2]: packed.read(one) for one in packed.namelist() if not one.endswith("/")})
        assert b"$ docker exec -i proof-broker /opt/kafka/bin/kafka-topics.sh" in packed.read("proof/console.txt")
    remove_evidence(engine_labctl.folder / "proof.zip")
    assert not (engine_labctl.folder / "proof.zip").exists()


@pytest.mark.local
def test_what_can_t_be_made_is_told(labctl):
    """No browser, no page: the rest is there, and the README says what is missing and why."""
    labctl.spec(LAB.replace("{port: auto}\nchecks", "{kind: none}\nchecks"))
    labctl.run("up", check=True)
    done = labctl.run("evidence", env={"LABCTL_BROWSER": "/nowhere/chromium"}, timeout=200, check=True)
    assert "! console.png: there is no /nowhere/chromium" in done.stderr
    readme = (labctl.folder / "evidence/README.md").read_text()
    assert "- console.png (a picture of the console): there is no /nowhere/chromium" in readme
    assert "- page-overview.png (the web page): the lab has no web page" in readme
