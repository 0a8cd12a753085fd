"""`labctl lint --fix`: what it changes, what it leaves, and that it keeps everything else."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl.cli.console import Console
from labctl.cli.main import cli
from labctl.lint.complete import COMPLETE
from labctl.lint.document import Document
from labctl.lint.edit import (
    RemoveService,
    RemoveVariable,
    RenameVariable,
    ReplaceText,
    SetHealthCheck,
    SetImage,
    SetPort,
    SetTarget,
    SetVariable,
)
from labctl.lint.fixer import fix

FILES = Path(__file__).parent / "compose"


@pytest.mark.parametrize("path", sorted((FILES / "faulty").glob("*.yml")), ids=lambda path: path.stem)
def test_what_can_be_fixed_is_fixed(path, tmp_path):
    """Every tests/compose/faulty/*.yml keeps only the faults of its `# left:` lines; a second run changes nothing."""
    left = re.findall(r"^# left: (\S+)$", path.read_text(), re.MULTILINE)
    copy = tmp_path / path.name
    copy.write_text(path.read_text())
    result = fix([copy], {})
    assert [finding.rule for finding in result.left.findings] == left
    for changed, (_before, after) in result.changed.items():
        changed.write_text(after)
    assert fix([copy], {}).changed == {}


@pytest.mark.parametrize(
    "path", [path for path in sorted((FILES / "migrate").glob("*.yml")) if ".fixed." not in path.name], ids=str
)
def test_files_of_other_images_are_migrated(path):
    """Every tests/compose/migrate/*.yml becomes its .fixed.yml (LABCTL_GOLDEN=1 writes it) and has no errors left."""
    result = fix([path], {})
    ((_before, after),) = result.changed.values()
    expected = path.with_suffix(".fixed.yml")
    if os.environ.get("LABCTL_GOLDEN"):
        expected.write_text(after)
    assert after == expected.read_text()
    assert [finding.rule for finding in result.left.findings if finding.level == "error"] == []


@pytest.fixture
def changed():
    """Apply changes to a text."""

    def change(text, *edits):
        document = Document(text)
        for edit in edits:
            document.apply(edit)
        return document.text()

    return change


TEXT = """\
# A comment
services:
    a:   # indented by four
        image:   "x:1"
        environment: [ A=1,   'B=2' ]

        ports: [ "1:2", "127.0.0.1:3:4/tcp", 5 ]
        volumes:
        - v:/old:ro
        - {type: volume, source: w, target: /old}
        healthcheck: {test: [ CMD, tool.sh ]}
        depends_on: [ z ]
    z:
        image: z
"""


def test_nothing_else_changes(changed):
    """Without a change the text is as it was, to the last blank; with one only its lines differ."""
    assert changed(TEXT) == TEXT
    after = changed(TEXT, SetImage("a", "y:2"))
    assert [line for line in after.splitlines() if line not in TEXT.splitlines()] == ['        image: "y:2"']
    assert len(after.splitlines()) == len(TEXT.splitlines())


def test_a_file_with_the_line_ends_of_windows_keeps_them(changed):
    """No line loses its CR."""
    after = changed(TEXT.replace("\n", "\r\n"), SetImage("a", "y:2"))
    assert after.count("\r\n") == after.count("\n") == TEXT.count("\n")


def test_variables_of_a_list(changed):
    """Set, added, renamed and removed as items NAME=VALUE."""
    edits = (SetVariable("a", "A", "7"), SetVariable("a", "N", "x,y"), RenameVariable("a", "B", "C"))
    after = Document(changed(TEXT, *edits))
    assert list(after._data["services"]["a"]["environment"]) == ["A=7", "C=2", "N=x,y"]
    assert "A=1" not in changed(TEXT, RemoveVariable("a", "A"))


def test_variables_of_a_map(changed):
    """Renamed where they are, with their comment; numbers stay numbers."""
    text = "services:\n  a:\n    environment:\n      A: 1 # one\n      B: 2\n"
    after = changed(text, RenameVariable("a", "A", "Z"), SetVariable("a", "B", "3"), SetVariable("a", "C", "x"))
    assert after == "services:\n  a:\n    environment:\n      Z: 1 # one\n      B: 3\n      C: x\n"


def test_a_service_without_an_environment_gets_one(changed):
    """The variable is the first."""
    after = changed("services:\n  a:\n    image: x\n", SetVariable("a", "A", "1"))
    assert after == "services:\n  a:\n    image: x\n    environment:\n      A: 1\n"


def test_an_environment_that_an_anchor_shares_is_not_changed_for_others(changed):
    """The service gets a mapping of its own that merges the shared one."""
    text = "x-env: &env\n  A: 1\nservices:\n  a:\n    environment: *env\n  b:\n    environment: *env\n"
    after = changed(text, SetVariable("a", "A", "2"))
    data = Document(after)._data["services"]
    assert (data["a"]["environment"]["A"], data["b"]["environment"]["A"]) == (2, 1)


def test_other_changes(changed):
    """Ports, targets of mounts, health checks, services with what depends on them."""
    after = changed(
        TEXT,
        SetPort("a", 1, 2, 9),
        SetPort("a", 3, 4, 8),
        SetTarget("a", "/old", "/new"),
        ReplaceText("a", ("healthcheck", "test"), "tool.sh", "/bin/tool.sh"),
        RemoveService("z"),
    )
    a = Document(after)._data["services"]["a"]
    assert list(a["ports"]) == ["1:9", "127.0.0.1:3:8/tcp", 5]
    assert (a["volumes"][0], a["volumes"][1]["target"]) == ("v:/new:ro", "/new")
    assert list(a["healthcheck"]["test"]) == ["CMD", "/bin/tool.sh"]
    assert "depends_on" not in a
    assert "z:" not in after
    words = ("CMD", "bash", "-c", "x")
    assert "test: [CMD, bash, -c, x]" in changed("services:\n  a:\n    image: x\n", SetHealthCheck("a", words))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `labctl lint` in a folder with a faulty compose.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").write_text(COMPLETE.replace("1@broker", "1@kafka"))

    def command(*arguments):
        return CliRunner().invoke(cli, ["lint", *arguments], obj=Console())

    return command


def test_diff_writes_nothing(run, tmp_path):
    """It shows the changes as a unified diff, and the file stays."""
    before = (tmp_path / "compose.yaml").read_text()
    result = run("--fix", "--diff")
    assert (result.exit_code, (tmp_path / "compose.yaml").read_text()) == (0, before)
    assert "-      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093\n+" in result.stdout
    assert "would fix KAFKA-VOTER-UNKNOWN" in result.stderr
    assert run("--diff").exit_code == 2


def test_fix_writes_the_file(run, tmp_path):
    """The file is changed once; what was fixed is named."""
    result = run("--fix")
    assert result.exit_code == 0
    assert "wrote compose.yaml" in result.stderr
    assert "fixed KAFKA-VOTER-UNKNOWN" in result.stderr
    assert (tmp_path / "compose.yaml").read_text() == COMPLETE
    assert "wrote" not in run("--fix").stderr


def test_a_file_of_windows_is_written_with_its_line_ends(run, tmp_path):
    """From the file to the file: no line changes that is not fixed."""
    path = tmp_path / "compose.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert run("--fix").exit_code == 0
    assert path.read_bytes() == COMPLETE.replace("\n", "\r\n").encode()


def test_a_lab_yaml_is_not_fixed(run, tmp_path):
    """--fix is for Compose files."""
    (tmp_path / "lab.yaml").write_text("name: x\n")
    assert run("--fix", "lab.yaml").exit_code == 2


def test_variables_of_an_env_file_are_left(run, tmp_path):
    """They are in another file, which other services may use: nothing is renamed, and the finding stays."""
    (tmp_path / "own.env").write_text("KAFKA_CFG_NODE_ID=1\nKAFKA_CFG_PROCESS_ROLES=broker\n")
    (tmp_path / "compose.yaml").write_text(
        "services:\n  kafka:\n    image: bitnami/kafka:3.9.0\n    env_file: own.env\n"
    )
    result = run("--fix")
    assert result.exit_code == 1
    assert "wrote" not in result.stderr


def test_variables_of_the_shell_stay(changed, tmp_path):
    """A value that comes from a variable is not replaced by what it happens to be; a `$` that is written is doubled."""
    path = tmp_path / "compose.yml"
    path.write_text(COMPLETE.replace("1@broker:9093", "1@${NAME:-kafka}:9093"))
    result = fix([path], {"NAME": "kafka"})
    assert result.changed == {}
    assert [finding.rule for finding in result.left.findings] == ["KAFKA-VOTER-UNKNOWN"]
    assert "A: a$$b" in changed("services: {a: {image: x}}\n", SetVariable("a", "A", "a$b"))


def test_secrets_of_the_shell_are_not_printed(run, tmp_path, monkeypatch):
    """A file can name any variable: a finding that quotes a secret one hides it."""
    monkeypatch.setenv("DEPLOY_TOKEN", "s3cr3t-t0ken")
    (tmp_path / "compose.yaml").write_text(COMPLETE.replace("1@broker:9093", "1@${DEPLOY_TOKEN}:9093"))
    result = run("--format", "json")
    assert result.exit_code == 1
    assert "s3cr3t-t0ken" not in result.output


def test_a_fault_of_many_services_is_fixed_at_once(tmp_path):
    """Each round reads and writes the files: forty nodes with one kind of fault need one of them, and no second run."""
    text = "services:\n" + "".join(
        f"  kafka-{number}:\n    image: apache/kafka:4.4.0\n    environment:\n      KAFKA_NODE_ID: {number}\n"
        f"      KAFKA_NUM_PARTITIONS: \"'3'\"\n"
        for number in range(1, 41)
    )
    path = tmp_path / "compose.yaml"
    path.write_text(text)
    result = fix([path], {})
    assert sum(finding.rule == "KAFKA-QUOTED-VALUE" for finding in result.fixed) == 40
    path.write_text(result.changed[path][1])
    assert fix([path], {}).changed == {}
