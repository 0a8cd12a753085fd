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
    assert [(topic.name, topic.partitions, len(topic.inline_records)) for topic in spec.topics] == [("orders", 3, 3)]


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


BOMB = "a: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
HOSTILE = {
    "aliases that stand for a billion values": (BOMB, "more than 50,000 values"),
    "aliases of keys": (BOMB.replace("x,", "{y: 1},"), "more than 50,000 values"),
    "20,000 lists, one inside another": ("[" * 20_000, "1:51: more than 50 levels"),
    "20,000 maps, one inside another": ("{a: " * 20_000, "more than 50 levels"),
    "lists without brackets": ("- " * 3_000, "1:101: more than 50 levels"),
    "keys of keys": ("? " * 3_000, "more than 50 levels"),
    "blocks": ("\n".join(" " * level + "a:" for level in range(500)), "50:50: more than 50 levels"),
    "a number of 10,000 digits": (f"timeout: {'9' * 10_000}", "1:10: not YAML: Exceeds the limit"),
    "a hexadecimal number": (f"timeout: 0x{'9' * 10_000}", "1:10: not YAML: a number of more than 64 bits"),
    "an exponent": (f"timeout: 1e{'9' * 10_000}", "timeout: should be"),
    "a date that does not exist": ("name: 2001-99-99", "1:7: not YAML: month must be in"),
    "a list that contains itself": ("topics: &a [*a]", "more than 50,000 values, or 50 levels"),
    "a map that contains itself": ("kafka: &a {config: *a}", "more than 50,000 values, or 50 levels"),
    "merged keys": ("a: &a {x: 1}\nkafka: {<<: *a}", "kafka.x: unknown key"),
    "a tag of Python": (
        "name: !!python/object/apply:os.system [id]",
        "1:7: not YAML: could not determine a constructor",
    ),
    "merges of merges": (
        "a0: &a0 {k: 1}\n"
        + "".join(f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}\n" for level in range(1, 12)),
        "more than 50,000 values",
    ),
    "a number without digits": ('name: !!int ""', "1:7: not YAML: this value can't be read"),
    "a truth that is none": ("name: !!bool zz", "1:7: not YAML: this value can't be read"),
    "half a character": ('name: "\\ud800"', "1:7: not YAML: 'utf-8' codec can't encode"),
    "half a character in a key": ('"\\ud800": 1', "not YAML: "),
    "a million characters": (f"name: {'x' * 1_000_000}", "name: a lab's name is"),
    "a key of a million characters": (f"? {'x' * 1_000_000}\n: 1", "unknown key"),
    "more than a million characters": ("#" * 2_000_000, "larger than 1,048,576 characters"),
    "3,000 unknown keys": ("".join(f"key{number}: 1\n" for number in range(3_000)), "and 2950 more problems"),
    "3,000 topics of one name": (
        f"topics: [{', '.join(['{name: a}'] * 3_000)}]",
        "topics[1].name: topics[0] has this name already",
    ),
    "3,000 unknown settings": (
        "kafka:\n  config:\n" + "".join(f"    mesage.{number}: 1\n" for number in range(3_000)),
        "no broker setting of this name",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_ends_with_an_error(case):
    """Whatever is in the file, there is a short error with its place, no traceback and no endless work."""
    text, expected = HOSTILE[case]
    with pytest.raises(SpecError, match=re.escape(expected)) as refused:
        parse_spec(text)
    assert len(refused.value.problems) <= 51
    assert all(len(line) < 1000 and line.startswith("lab.yaml:") for line in refused.value.problems)


def test_an_endless_file_ends_with_an_error():
    """A device and a pipe have no end."""
    with pytest.raises(SpecError, match="it is a pipe or a device, not a file"):
        load_spec(Path("/dev/zero"))
