"""The notebook on a real lab: another client reads what it reports to have sent."""

import json
import re

import pytest

from tests.integration.labs import lab_yaml
from tests.integration.notebooks import printed
from tests.integration.other_clients import read_by_librdkafka

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]

SECONDS = 20


@pytest.mark.parametrize(("preset", "seed_records"), [("homework", 3), ("secure", 0)])
def test_the_notebook_on_a_lab(labctl, preset, seed_records):
    """librdkafka reads each record that the notebook sent, at the partition and offset that it printed."""
    labctl.spec(lab_yaml(preset))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("notebook", "--run", timeout=200, check=True)
    text = printed(labctl.folder / "kafka.ipynb")
    sent = re.findall(r"sent: (\{.*?\}) -> partition (\d+) offset (\d+)", text)
    assert len(sent) == 2
    # across partitions Kafka keeps no order
    assert sorted(re.findall(r"read: (\{.*?\}) <- partition (\d+) offset (\d+)", text)) == sorted(sent)
    settings = dict(line.split("=", 1) for line in labctl.run("env", "--format", "librdkafka").stdout.splitlines())
    records = read_by_librdkafka(settings)
    for value, partition, offset in sent:
        assert json.loads(records[(int(partition), int(offset))]) == json.loads(value.replace("'", '"'))
    assert len(records) == seed_records + 2 + 9
    assert re.search(r"partition \d+: committed \d+, end \d+, lag 0", text)
    assert labctl.run("notebook").returncode == 2


def test_a_notebook_without_its_lab(labctl):
    """Where a cell fails, `notebook` exits with 1, prints the error, and keeps the earlier output."""
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("stop", check=True)
    done = labctl.run("notebook", "--run", timeout=200)
    assert done.returncode == 1, done.stderr
    assert "a cell of the notebook failed: " in done.stderr
    assert "labctl status" in done.stderr
    assert "this run:" in (labctl.folder / "kafka.ipynb").read_text()
