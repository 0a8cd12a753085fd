"""The projects of `labctl example`, built and run as their README says. Another client reads their records."""

import json
import re

import pytest

from labctl.homework.example import LANGUAGES
from tests.integration.labs import lab_yaml, make_labctl
from tests.integration.other_clients import installed, read_by_librdkafka

pytestmark = [pytest.mark.local, pytest.mark.network]

PROGRAMS = {"python": "python3", "java": "mvn", "node": "npm", "go": "go"}
PLACE = r"(\{.*\}) %s partition (\d+) offset (\d+)"


@pytest.fixture(scope="module", params=["homework", "secure"])
def lab(request, tmp_path_factory):
    """A running lab for all languages, without and with authentication."""
    labctl = make_labctl(tmp_path_factory.mktemp(request.param))
    labctl.spec(lab_yaml(request.param))
    labctl.run("up", "--checks", "none", check=True)
    yield labctl
    labctl.run("down", check=True)


def places(verb, arrow, text):
    """Return what a program reports to have sent or read: [(value, partition, offset)]."""
    return [
        (value, int(partition), int(offset))
        for value, partition, offset in re.findall(rf"^{verb}: {PLACE % arrow}$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_of_each_language(lab, language):
    """The program reads what it sent, and so does librdkafka. A second run continues after the first one's records."""
    installed(PROGRAMS[language])
    lab.run("example", language, check=True)
    folder = f"orders-{language}"
    (commands,) = re.findall(
        r"^```sh\n(.*?)^```$", (lab.folder / folder / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert commands.splitlines() == list(LANGUAGES[language].commands)
    runs = []
    for script in (commands, commands.splitlines()[-1]):
        output = lab.shell(f"set -e\ncd {folder}\n{script}", timeout=180)
        (run,) = re.findall(r"^this run: (\w{8})$", output, re.MULTILINE)
        runs.append((run, places("sent", "->", output), places("read", "<-", output)))
    (command,) = re.findall(r"`(labctl example .*?)`", (lab.folder / folder / "README.md").read_text())
    lab.shell(f"cd {folder} && {command}")  # the command names the lab: this folder has no lab.yaml
    settings = dict(line.split("=", 1) for line in lab.run("env", "--format", "librdkafka").stdout.splitlines())
    records = read_by_librdkafka(settings)
    for run, sent, read in runs:
        assert [json.loads(value)["orderid"] for value, _, _ in sent] == [3001, 3002, 3003]
        assert sorted(sent) == sorted(record for record in read if run in record[0])
        for value, partition, offset in sent:
            assert records[(partition, offset)] == value
    assert runs[0][0] != runs[1][0]
    assert not set(runs[0][2]) & set(runs[1][2])
