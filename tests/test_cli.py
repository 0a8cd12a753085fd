import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl.cli import main
from labctl.cli.inside import paths_in_node
from labctl.cli.main import COMMANDS, cli
from labctl.cli.options import lab_request
from labctl.errors import SpecError
from labctl.homework.evidence import TITLE, require_free_target
from labctl.homework.manifest import manifest_text
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore
from tests.fakes import create_record


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)


def test_help_lists_every_command():
    """`labctl --help` lists all commands."""
    text = run("--help").output
    commands = (
        "init schema plan render doctor cache image up check lint run gc status ls logs exec env load dump traffic "
        "snapshot export connect "
        "stop reset down report ui node fault drill upgrade controller notebook evidence example"
    )
    for command in commands.split():
        assert f"  {command} " in text
    assert set(commands.split()) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command):
    """`--help` of each command exits with 0."""
    assert run(command, "--help").exit_code == 0


def test_init_writes_a_file_and_refuses_to_overwrite_it(tmp_path):
    """The second `init` exits with 2 and names --force; with --force it overwrites the file."""
    path = tmp_path / "lab.yaml"
    assert run("init", str(path)).exit_code == 0
    assert "listeners:" in path.read_text()
    refused = run("init", str(path))
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert run("init", "--force", str(path)).exit_code == 0


def test_plan_lists_what_would_be_started():
    """It prints the listeners and the topics, and creates no lab."""
    text = run("plan").output
    assert "external localhost:9094, internal broker:9092" in text
    assert "topic orders: 3 partitions" in text
    assert run("ls").output == "no labs; labctl up creates one\n"


def test_plan_json_is_one_document():
    """`plan --json` prints only JSON on stdout."""
    document = json.loads(run("plan", "--json", "--runtime", "compose").output)
    assert document["nodes"][0]["listeners"][0]["bind"] == ""


def test_render_prints_the_compose_file():
    """`render -o -` prints docker-compose.yml, the same bytes each time."""
    text = run("render", "--runtime", "compose", "-o", "-").output
    assert text.startswith("# Lab homework")
    assert "container_name: broker" in text
    assert text == run("render", "--runtime", "compose", "-o", "-").output
    assert "made-by" not in text


def test_render_writes_into_a_folder(tmp_path):
    """`render -o DIR` creates a folder with server.properties for each local node."""
    assert run("render", "-o", str(tmp_path / "out"), "--runtime", "local").exit_code == 0
    assert (tmp_path / "out" / "broker" / "server.properties").is_file()


@pytest.mark.parametrize("what", ["lab", "report"])
def test_schemas_are_json_schema(what):
    """Both schemas are valid JSON Schema."""
    import jsonschema

    document = json.loads(run("schema", what).output)
    jsonschema.Draft202012Validator.check_schema(document)


def test_the_lab_schema_accepts_what_init_writes():
    """The commented lab.yaml is valid against the schema that editors use."""
    import jsonschema
    from ruamel.yaml import YAML

    from labctl.rendering.templates import render_template

    schema = json.loads(run("schema", "lab").output)
    jsonschema.validate(YAML(typ="safe").load(render_template("init/homework.yaml")), schema)


def test_a_missing_lab_is_exit_4_with_a_remedy():
    """Each command that needs a lab names the command that creates it."""
    for arguments in (["status"], ["logs"], ["env"], ["exec", "broker", "--", "ls"], ["check"], ["report"]):
        failed = run(*arguments)
        assert failed.exit_code == 4, arguments
        assert "labctl up" in failed.output


def test_stop_and_down_without_a_lab_succeed():
    """Both exit with 0 and report that there is no lab."""
    for command in ("stop", "down"):
        done = run(command)
        assert done.exit_code == 0
        assert "there is no lab homework: nothing to" in done.output


def test_preset_and_file_exclude_each_other():
    """Both options together exit with 2 before anything starts."""
    assert run("plan", "--preset", "homework", "-f", "x.yaml").exit_code == 2


def test_bootstrap_needs_a_port():
    """`--bootstrap localhost` exits with 2 and shows the format."""
    refused = run("check", "--bootstrap", "localhost")
    assert refused.exit_code == 2
    assert "HOST:PORT" in refused.output


def test_lab_yaml_of_the_current_folder_is_used(tmp_path):
    """It needs no -f."""
    (tmp_path / "work" / "lab.yaml").write_text("name: shop\n")
    assert run("plan").output.startswith("lab shop:")


@pytest.mark.parametrize("name", [".", "..", "/tmp/x", "a/b", "x" * 41])
def test_an_invalid_lab_name(name):
    """It exits with 2 before the name becomes a path: `.` would be the folder of all labs."""
    for command in (["down"], ["stop"], ["status"], ["exec"], ["env"], ["report"], ["up"], ["run"]):
        rest = ["broker", "ls"] if command == ["exec"] else ["ls"] if command == ["run"] else []
        refused = run(*command, "--name", name, *rest)
        assert refused.exit_code == 2, (command, refused.output)
        assert "a lab's name is 1 to 40 letters" in refused.output


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("C:/Program Files/Git/opt/kafka/bin/kafka-topics.sh", "/opt/kafka/bin/kafka-topics.sh"),
        ("--command-config=D:/Git/etc/kafka/secrets/ann.properties", "/etc/kafka/secrets/ann.properties"),
    ],
)
def test_a_path_that_git_bash_changed(typed, path):
    """The error has the path as it was typed, and three ways to type it that Git Bash leaves alone."""
    with pytest.raises(SpecError, match=f"Git Bash on Windows changed {path}") as refused:
        paths_in_node(["cat", typed])
    assert f"type /{path}" in refused.value.hint
    assert "MSYS_NO_PATHCONV=1" in refused.value.hint


def test_git_bash_s_two_slashes_are_one():
    """Other arguments stay as they are: a record may have any text."""
    typed = ["//opt/kafka/bin/kafka-topics.sh", "//opt/other", "C:/Users/ann/orders.json", "http://x/opt/kafka/"]
    typed += ["a:/opt/kafka/libs/*", "note: see /opt/kafka/bin"]
    assert paths_in_node(typed) == ("/opt/kafka/bin/kafka-topics.sh", *typed[1:])


def test_options_of_run_and_exec_stand_before_the_command(monkeypatch):
    """A mistyped option before the command is rejected; an option after the command belongs to the command."""
    assert "No such option" in run("run", "--chekcs", "quick", "--", "ls").output
    assert run("exec", "broker", "--name", "x", "--", "ls").exit_code == 2
    started = []

    def start(_request, _store, _reporter, command):
        started.append(command)
        return 0

    monkeypatch.setattr("labctl.lab.ephemeral.run", start)
    run("run", "--name", "x", "pytest", "--name", "y")
    run("run", "--", "pytest", "-q")
    assert started == [("pytest", "--name", "y"), ("pytest", "-q")]


def test_a_lab_of_another_folder_is_not_removed(tmp_path, monkeypatch):
    """Where lab.yaml has the name of a lab from another file, a command exits with 2 and names that file."""
    store = LabStore()
    record = create_record(store, "homework", source="/elsewhere/lab.yaml")
    (tmp_path / "work" / "lab.yaml").write_text("name: homework\n")
    for command in ("down", "stop", "status", "check"):
        refused = run(command)
        assert refused.exit_code == 2, command
        assert "from /elsewhere/lab.yaml" in refused.output
    assert store.load("homework") == record


def test_a_lab_created_with_options_is_found_by_its_name():
    """After `up --preset cluster`, `--name cluster` is that lab, not the homework lab under this name."""
    store = LabStore()
    store.save(
        replace(
            create_record(store, "three", source=""), spec=parse_spec("name: three\nkafka: {brokers: 3}").model_dump()
        )
    )
    text = run("plan", "--name", "three").output
    assert [line.split(":")[0].strip() for line in text.splitlines() if " node " in line] == [
        f"node broker-{number}" for number in (1, 2, 3)
    ]


def test_render_into_a_folder_that_can_t_be_written(tmp_path):
    """It exits with 3 and proposes another folder."""
    (tmp_path / "file").write_text("")
    refused = run("render", "--runtime", "local", "-o", str(tmp_path / "file"))
    assert (refused.exit_code, "name another folder" in refused.output) == (3, True)


def test_render_for_docker_of_a_local_lab():
    """`--runtime` is applied although the lab exists with another runtime."""
    create_record(LabStore(), "homework", source="")
    text = run("render", "--runtime", "compose", "-o", "-").output
    assert "KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:" in text.replace('"', "")


def test_plan_requires_no_memory(tmp_path):
    """It starts nothing, so a heap that is larger than the memory is no error."""
    (tmp_path / "work" / "lab.yaml").write_text("kafka: {heap: 900g}\n")
    assert run("plan").exit_code == 0


def test_an_option_s_problem_names_the_option():
    """The error names --kafka, not a key of lab.yaml."""
    assert "--kafka: a Kafka version looks like" in run("plan", "--kafka", "new").output


@pytest.mark.parametrize("address", ["localhost:²", ":9092", "localhost:123456", "http://x:1"])
def test_an_invalid_bootstrap_address(address):
    """It exits with 2 and shows the format."""
    refused = run("check", "--bootstrap", address)
    assert (refused.exit_code, "HOST:PORT" in refused.output) == (2, True)


def test_down_all_without_labs_succeeds():
    """It exits with 0 and reports that there is no lab."""
    done = run("down", "--all")
    assert (done.exit_code, done.output) == (0, "there is no lab: nothing to remove\n")


def test_evidence_replaces_only_what_it_created(tmp_path, monkeypatch):
    """--force on other files exits with 2 and keeps them; an empty folder needs no --force."""
    mine, empty = tmp_path / "mine", tmp_path / "empty"
    for folder in (mine, empty):
        folder.mkdir()
    (mine / "thesis.tex").write_text("")
    (mine / "README.md").write_text("# My thesis\n")
    (tmp_path / "mine.zip").write_text("no zip")
    for target in (mine, tmp_path / "mine.zip"):
        require_free_target(tmp_path / "new", force=False)
        with pytest.raises(SpecError, match="exists already"):
            require_free_target(target, force=False)
        with pytest.raises(SpecError, match="--force replaces only what labctl evidence wrote"):
            require_free_target(target, force=True)
    require_free_target(empty, force=False)
    monkeypatch.chdir(empty)
    with pytest.raises(SpecError, match="is the current folder"):
        require_free_target(Path(), force=True)
    assert run("evidence", "--force", "-o", str(mine)).exit_code == 2
    assert (mine / "thesis.tex").exists()


def test_evidence_recognizes_its_own_files(tmp_path):
    """--force may replace a folder or a ZIP file that `evidence` created, whatever its name."""
    for target in evidence_folder_and_zip(tmp_path):
        require_free_target(target, force=True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "notes.txt").write_text("mine"), "has notes.txt, which labctl did not write"),
        (lambda folder: (folder / "broker" / "mine").write_text("mine"), "has broker/mine, which labctl did not write"),
        (lambda folder: (folder / "README.md").write_text(f"{TITLE}more"), "has a changed README.md"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "has no SHA256SUMS"),
        (lambda folder: [(folder / f"{number}").touch() for number in range(1001)], "more than|larger than"),
    ],
)
def test_evidence_with_other_files_is_kept(tmp_path, change, expected):
    """A file that was added or changed since, or a README that only begins like labctl's: --force refuses."""
    for target in evidence_folder_and_zip(tmp_path, change):
        with pytest.raises(SpecError, match=expected):
            require_free_target(target, force=True)


def test_evidence_with_links_is_kept(tmp_path):
    """A link is not evidence, wherever it leads."""
    evidence, _packed = evidence_folder_and_zip(tmp_path)
    (tmp_path / "link").symlink_to(evidence)
    (evidence / "console.txt").unlink()
    (evidence / "console.txt").symlink_to(tmp_path / "elsewhere")
    for target in (evidence, tmp_path / "link"):
        with pytest.raises(SpecError, match="--force replaces only"):
            require_free_target(target, force=True)


def test_a_zip_file_that_can_t_be_read_is_kept(tmp_path):
    """Encrypted, cut off, or with a manifest that is a link to something endless."""
    evidence, packed = evidence_folder_and_zip(tmp_path)
    data = bytearray(packed.read_bytes())
    data[6] |= 1  # the flag of an encrypted file, here and in the directory
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 1)
    packed.write_bytes(data)
    (evidence / "SHA256SUMS").unlink()
    (evidence / "SHA256SUMS").symlink_to("/dev/zero")
    for target in (evidence, packed):
        with pytest.raises(SpecError, match="--force replaces only"):
            require_free_target(target, force=True)


def evidence_folder_and_zip(tmp_path, change=lambda _folder: None):
    folder = tmp_path / "evidence"
    (folder / "broker").mkdir(parents=True)
    (folder / "README.md").write_text(f"{TITLE}as labctl writes it")
    (folder / "console.txt").write_text("x")
    (folder / "broker" / "server.properties").write_text("x")
    (folder / "SHA256SUMS").write_text(manifest_text(folder))
    change(folder)
    shutil.make_archive(str(tmp_path / "ivanov"), "zip", tmp_path, "evidence")
    return folder, tmp_path / "ivanov.zip"


def test_verbosity_options_may_follow_the_command():
    """`labctl down -q` is the same as `labctl -q down`."""
    assert "nothing to remove" in run("down").output
    for arguments in (["-q", "down"], ["down", "-q"], ["--no-color", "down", "--quiet"], ["cache", "clear", "-q"]):
        done = run(*arguments)
        assert (done.exit_code, done.output) == (0, ""), arguments
    assert "-v" not in run("down", "--help").output


def test_checks_and_timeout_are_not_kept_for_the_next_call():
    """After `up --checks none --timeout 9`, plain `up` runs all checks with the default timeout."""
    store = LabStore()
    spec = parse_spec("listeners: {external: {port: auto}}\nchecks: none\ntimeout: 9\n")
    store.save(replace(create_record(store, "homework", source=""), spec=spec.model_dump()))
    requested = lab_request(None, None).spec
    assert (requested.checks, requested.timeout, requested.listeners.external.port) == ("full", 120, "auto")


@pytest.mark.parametrize(("instruction", "printed"), [("zsh_source", "#compdef labctl"), ("fish_complete", "doctor")])
def test_what_a_shell_asks_for_completion_succeeds(monkeypatch, capsys, instruction, printed):
    """The shell gets its script and the completions with exit code 0."""
    for name, value in {"_LABCTL_COMPLETE": instruction, "COMP_WORDS": "labctl d", "COMP_CWORD": "d"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["labctl"])
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)  # else click takes pytest's name
    assert main._run() == 0
    assert printed in capsys.readouterr().out
