"""The notebook on a real lab: another client reads what it reports to have sent."""

import json
import re
import subprocess
import sys

import pytest

from tests.integration.labs import lab_yaml
from tests.integration.notebooks import printed
from tests.integration.other_clients import read_by_librdkafka
from tests.integration.polling import wait_for

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


def test_what_a_killed_run_leaves_is_swept(labctl, tmp_path):
    """The folder of a `notebook --run` that was killed lies in the state folder, and `gc` removes it."""
    (tmp_path / "temporary").mkdir()
    labctl.env["TMPDIR"] = str(tmp_path / "temporary")
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--checks", "none", check=True)
    run = labctl.start("notebook", "--run")
    folder = labctl.state / "work"
    wait_for(lambda: [*folder.glob("notebook-*/connection.json")])
    run.kill()
    run.wait(20)
    assert [*folder.iterdir()]
    labctl.run("gc", check=True)
    assert [*folder.iterdir(), *(tmp_path / "temporary").iterdir()] == []


def test_a_long_name_of_the_folder_for_temporary_files(labctl, tmp_path):
    """The paths of the kernel's sockets are short all the same."""
    long = tmp_path / ("long" * 30)
    long.mkdir()
    labctl.env["TMPDIR"] = labctl.env["XDG_STATE_HOME"] = str(long)
    labctl.spec(lab_yaml("homework"))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("notebook", "--run", timeout=200, check=True)


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


RUN = """
import nbformat, sys
from pathlib import Path
from labctl.homework.notebook import run_notebook
ports = "[c.laddr for c in psutil.Process().net_connections(kind='inet') if c.status == 'LISTEN']"
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"import kafka, psutil\\nprint({ports})")])
run_notebook(notebook, Path(sys.argv[1]))
print(notebook.cells[0].outputs[0].text)
"""


def test_the_kernel_imports_nothing_from_its_folder_and_opens_no_port(tmp_path):
    """A package kafka/ beside the notebook, or a module that Jupyter imports, is not run; no port waits for others."""
    for module in ("kafka", "traitlets", "ipykernel_launcher"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text(
            "from pathlib import Path; Path(__file__).with_name('ran').touch()"
        )
    command = [sys.executable, "-P", "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.strip() == "[]", done.stderr
    assert list(tmp_path.glob("*/ran")) == []
