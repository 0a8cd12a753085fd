import re
from pathlib import Path

import pytest

from labctl.errors import SpecError
from labctl.rendering.templates import render_template
from labctl.spec.loader import load_spec, parse_spec, with_overrides
from labctl.spec.model import LabSpec

SPECS = Path(__file__).parent / "specs"


@pytest.mark.parametrize("path", sorted(SPECS.glob("valid-*.yaml")), ids=lambda path: path.stem)
def test_a_valid_file_is_read(path):
    """Every tests/specs/valid-*.yaml is accepted."""
    assert load_spec(path).version == 1


@pytest.mark.parametrize("path", sorted(SPECS.glob("invalid-*.yaml")), ids=lambda path: path.stem)
def test_an_invalid_file_is_refused_with_every_problem_at_its_place(path):
    """Every tests/specs/invalid-*.yaml is rejected with exactly the problems that its `# expect:` lines name."""
    expected = re.findall(r"^# expect: (.*)$", path.read_text(), re.MULTILINE)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert [line.removeprefix(f"{path}:") for line in refused.value.problems] == expected
    assert refused.value.exit_code == 2


def test_an_empty_file_is_the_homework_lab():
    """Without any key lab.yaml describes the homework lab."""
    spec = parse_spec("")
    assert (spec.name, spec.listeners.external.port, spec.ui.port) == ("homework", 9094, 8088)
    assert [(topic.name, topic.partitions, len(topic.records)) for topic in spec.topics] == [("orders", 3, 3)]


def test_the_commented_file_that_init_writes_is_the_default():
    """The lab.yaml that `labctl init` writes has exactly the default values."""
    assert parse_spec(render_template("init/homework.yaml")) == LabSpec()


def test_a_missing_file_is_refused_with_a_remedy():
    """`-f nowhere.yaml` reports the missing file and the command that writes it."""
    with pytest.raises(SpecError) as refused:
        load_spec(Path("nowhere.yaml"))
    assert "no such file" in refused.value.message
    assert "labctl init" in refused.value.hint


def test_the_command_line_is_checked_like_the_file():
    """`--name` with a space is rejected before anything starts."""
    with pytest.raises(SpecError, match="--name: a lab's name"):
        with_overrides(LabSpec(), name="my lab")


def test_the_command_line_wins():
    """--ports auto, --checks and --kafka replace the values of the file."""
    spec = with_overrides(LabSpec(), ports="auto", checks="quick", kafka="4.2.1", name="b")
    assert (spec.listeners.external.port, spec.checks, spec.kafka.version, spec.name) == ("auto", "quick", "4.2.1", "b")
