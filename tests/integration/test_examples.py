"""The projects of `labctl example`, built and run as their README says; another client finds their records."""

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
    """A running lab, open or locked, for the programs in all languages."""
    one = make_labctl(tmp_path_factory.mktemp(request.param))
    one.spec(lab_yaml(request.param))
    one.run("up", "--checks", "none", check=True)
    yield one
    one.run("down", check=True)


def places(verb, arrow, text):
    """What a program says that it sent or read: [(value, partition, offset)]."""
    return [
        (value, int(partition), int(offset))
        for value, partition, offset in re.findall(rf"^{verb}: {PLACE % arrow}$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_of_each_language(lab, language):
    """It reads what it sent, librdkafka finds it where the program says; run again, it goes on behind that."""
    installed(PROGRAMS[language])
    lab.run("example", language, check=True)
    folder = f"orders-{language}"
    (commands,) = re.findall(
        r"^```sh\n(.*?)^```$", (lab.folder / folder / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert commands.splitlines() == list(LANGUAGES[language].commands)
    runs = []
    for typed in (commands, commands.splitlines()[-1]):
        said = lab.shell(f"set -e\ncd {folder}\n{typed}", timeout=180)
        (run,) = re.findall(r"^this run: (\w{8})$", said, re.MULTILINE)
        runs.append((run, places("sent", "->", said), places("read", "<-", said)))
    (again,) = re.findall(r"`(labctl example .*?)`", (lab.folder / folder / "README.md").read_text())
    lab.shell(f"cd {folder} && {again}")  # by the lab's name: its lab.yaml is not here
    settings = dict(line.split("=", 1) for line in lab.run("env", "--format", "librdkafka").stdout.splitlines())
    found = read_by_librdkafka(settings)
    for run, sent, read in runs:
        assert [json.loads(value)["orderid"] for value, _, _ in sent] == [3001, 3002, 3003]
        assert sorted(sent) == sorted(place for place in read if run in place[0])
        for value, partition, offset in sent:
            assert found[(partition, offset)] == value
    assert runs[0][0] != runs[1][0]
    assert not set(runs[0][2]) & set(runs[1][2])
