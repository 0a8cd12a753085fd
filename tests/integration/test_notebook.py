"""The notebook on a real lab: what it says that it sent, a client of others reads."""

import json
import re

import pytest

from tests.integration.labs import lab_yaml
from tests.integration.notebooks import printed
from tests.integration.other_clients import read_by_librdkafka

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]

SECONDS = 20


@pytest.mark.parametrize(("preset", "first_records"), [("homework", 3), ("secure", 0)])
def test_the_notebook_on_a_lab(labctl, preset, first_records):
    """Each record that it printed as sent is read by librdkafka at the place that it printed."""
    labctl.spec(lab_yaml(preset))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("notebook", "--run", timeout=200, check=True)
    text = printed(labctl.folder / "kafka.ipynb")
    sent = re.findall(r"sent: (\{.*?\}) -> partition (\d+) offset (\d+)", text)
    assert len(sent) == 2
    # across partitions Kafka keeps no order
    assert sorted(re.findall(r"read: (\{.*?\}) <- partition (\d+) offset (\d+)", text)) == sorted(sent)
    settings = dict(line.split("=", 1) for line in labctl.run("env", "--format", "librdkafka").stdout.splitlines())
    found = read_by_librdkafka(settings)
    for value, partition, offset in sent:
        assert json.loads(found[(int(partition), int(offset))]) == json.loads(value.replace("'", '"'))
    assert len(found) == first_records + 2 + 9
    assert re.search(r"partition \d+: committed \d+, end \d+, lag 0", text)
    assert labctl.run("notebook").returncode == 2


def test_a_notebook_without_its_lab(labctl):
    """A cell that fails: exit 1, its last words; what was run until then is kept."""
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("stop", check=True)
    done = labctl.run("notebook", "--run", timeout=200)
    assert done.returncode == 1, done.stderr
    assert "a cell of the notebook failed: " in done.stderr
    assert "labctl status" in done.stderr
    assert "this run:" in (labctl.folder / "kafka.ipynb").read_text()
