import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl.cli.main import COMMANDS, cli
from labctl.cli.options import lab_request
from labctl.errors import SpecError
from labctl.homework.evidence import TITLE, require_free_target
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore
from tests.fakes import create_record


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)


def test_help_lists_every_command_of_the_contract():
    """`labctl --help` names them all."""
    text = run("--help").output
    contract = (
        "init schema plan render doctor cache image up check run gc status ls logs exec env stop reset down report ui "
        "notebook evidence example"
    )
    for command in contract.split():
        assert f"  {command} " in text
    assert set(contract.split()) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command):
    """Each command explains itself."""
    assert run(command, "--help").exit_code == 0


def test_init_writes_a_file_and_refuses_to_overwrite_it(tmp_path):
    """A second init needs --force."""
    path = tmp_path / "lab.yaml"
    assert run("init", str(path)).exit_code == 0
    assert "listeners:" in path.read_text()
    refused = run("init", str(path))
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert run("init", "--force", str(path)).exit_code == 0


def test_plan_says_what_would_be_started():
    """Nodes, doors, topics and the runtime; nothing is made."""
    text = run("plan").output
    assert "external localhost:9094, internal broker:9092" in text
    assert "topic orders: 3 partitions" in text
    assert run("ls").output == "no labs; labctl up creates one\n"


def test_plan_json_is_one_document():
    """Only JSON on stdout."""
    document = json.loads(run("plan", "--json", "--runtime", "compose").output)
    assert document["nodes"][0]["listeners"][0]["bind"] == ""


def test_render_prints_the_compose_file():
    """`render -o -` prints it as it stands, with a cluster id that Kafka takes."""
    text = run("render", "--runtime", "compose", "-o", "-").output
    assert text.startswith("# Lab homework")
    assert "container_name: broker" in text
    assert text == run("render", "--runtime", "compose", "-o", "-").output
    assert "made-by" not in text


def test_render_writes_into_a_folder(tmp_path):
    """One file per node of the local runtime."""
    assert run("render", "-o", str(tmp_path / "out"), "--runtime", "local").exit_code == 0
    assert (tmp_path / "out" / "broker" / "server.properties").is_file()


@pytest.mark.parametrize("what", ["lab", "report"])
def test_schemas_are_json_schema(what):
    """Both schemas are valid themselves."""
    import jsonschema

    document = json.loads(run("schema", what).output)
    jsonschema.Draft202012Validator.check_schema(document)


def test_the_lab_schema_accepts_what_init_writes():
    """An editor with the schema finds nothing wrong in the commented file."""
    import jsonschema
    from ruamel.yaml import YAML

    from labctl.rendering.templates import render_template

    schema = json.loads(run("schema", "lab").output)
    jsonschema.validate(YAML(typ="safe").load(render_template("init/homework.yaml")), schema)


def test_a_lab_that_is_not_there_is_exit_4_with_a_way_out():
    """status, logs, env and exec say which command makes one."""
    for arguments in (["status"], ["logs"], ["env"], ["exec", "broker", "--", "ls"], ["check"], ["report"]):
        failed = run(*arguments)
        assert failed.exit_code == 4, arguments
        assert "labctl up" in failed.output


def test_stop_and_down_of_nothing_are_fine():
    """Exit 0, and they say that there was nothing."""
    for command in ("stop", "down"):
        done = run(command)
        assert done.exit_code == 0
        assert "there is no lab homework: nothing to" in done.output


def test_preset_and_file_exclude_one_another():
    """Exit 2 before anything starts."""
    assert run("plan", "--preset", "homework", "-f", "x.yaml").exit_code == 2


def test_a_foreign_address_needs_a_port():
    """--bootstrap localhost is refused with an example."""
    refused = run("check", "--bootstrap", "localhost")
    assert refused.exit_code == 2
    assert "HOST:PORT" in refused.output


def test_lab_yaml_in_the_folder_is_the_lab(tmp_path):
    """No -f needed."""
    (tmp_path / "work" / "lab.yaml").write_text("name: shop\n")
    assert run("plan").output.startswith("lab shop:")


@pytest.mark.parametrize("name", [".", "..", "/tmp/x", "a/b", "x" * 41])
def test_a_name_that_no_lab_can_have(name):
    """Exit 2 before it becomes a path: `.` is the folder of all labs."""
    for command in (["down"], ["stop"], ["status"], ["exec"], ["env"], ["report"], ["up"], ["run"]):
        words = ["broker", "ls"] if command == ["exec"] else ["ls"] if command == ["run"] else []
        refused = run(*command, "--name", name, *words)
        assert refused.exit_code == 2, (command, refused.output)
        assert "a lab's name is 1 to 40 letters" in refused.output


def test_options_of_run_and_exec_stand_before_the_command(monkeypatch):
    """A mistyped one is refused, not taken for the command; one behind the command is that command's."""
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


def test_the_same_name_from_another_folder_is_not_taken_away(tmp_path, monkeypatch):
    """`down` in a folder whose lab.yaml has the name of somebody else's lab: exit 2, saying where that one is from."""
    store = LabStore()
    made = create_record(store, "homework", source="/elsewhere/lab.yaml")
    (tmp_path / "work" / "lab.yaml").write_text("name: homework\n")
    for command in ("down", "stop", "status", "check"):
        refused = run(command)
        assert refused.exit_code == 2, command
        assert "from /elsewhere/lab.yaml" in refused.output
    assert store.load("homework") == made


def test_a_lab_that_options_made_is_meant_again_without_them():
    """`up --preset cluster`, later `up --name cluster`: the same lab, not the homework's by that name."""
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


def test_files_that_can_t_be_written_are_said(tmp_path):
    """render and report: exit 3 with the path and a way out."""
    (tmp_path / "file").write_text("")
    refused = run("render", "--runtime", "local", "-o", str(tmp_path / "file"))
    assert (refused.exit_code, "name another folder" in refused.output) == (3, True)


def test_render_in_docker_of_a_lab_that_runs_otherwise():
    """`--runtime` is heeded for a lab that is made already."""
    create_record(LabStore(), "homework", source="")
    text = run("render", "--runtime", "compose", "-o", "-").output
    assert "KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:" in text.replace('"', "")


def test_plan_asks_for_no_memory(tmp_path):
    """It starts nothing."""
    (tmp_path / "work" / "lab.yaml").write_text("kafka: {heap: 900g}\n")
    assert run("plan").exit_code == 0


def test_an_option_s_problem_names_the_option():
    """--kafka, not a key of lab.yaml."""
    assert "--kafka: a Kafka version looks like" in run("plan", "--kafka", "new").output


@pytest.mark.parametrize("address", ["localhost:²", ":9092", "localhost:123456", "http://x:1"])
def test_no_address(address):
    """Exit 2 with an example."""
    refused = run("check", "--bootstrap", address)
    assert (refused.exit_code, "HOST:PORT" in refused.output) == (2, True)


def test_down_all_of_nothing_says_so():
    """Exit 0."""
    done = run("down", "--all")
    assert (done.exit_code, done.output) == (0, "there is no lab: nothing to remove\n")


def test_evidence_replaces_only_what_it_made(tmp_path, monkeypatch):
    """--force on another folder: exit 2, and everything in it is there still; an empty one needs no --force."""
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
        with pytest.raises(SpecError, match="was not created by labctl evidence"):
            require_free_target(target, force=True)
    require_free_target(empty, force=False)
    monkeypatch.chdir(empty)
    with pytest.raises(SpecError, match="is the current folder"):
        require_free_target(Path(), force=True)
    assert run("evidence", "--force", "-o", str(mine)).exit_code == 2
    assert (mine / "thesis.tex").exists()


def test_evidence_knows_its_own(tmp_path):
    """A folder, a ZIP file under whatever name: --force may replace them."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "README.md").write_text(f"{TITLE}more")
    shutil.make_archive(str(tmp_path / "ivanov"), "zip", tmp_path, "evidence")
    for target in (tmp_path / "evidence", tmp_path / "ivanov.zip"):
        require_free_target(target, force=True)


def test_loudness_may_stand_behind_the_command():
    """`labctl down -q` as `labctl -q down`."""
    assert "nothing to remove" in run("down").output
    for words in (["-q", "down"], ["down", "-q"], ["--no-color", "down", "--quiet"], ["cache", "clear", "-q"]):
        done = run(*words)
        assert (done.exit_code, done.output) == (0, ""), words
    assert "-v" not in run("down", "--help").output


def test_what_one_call_wished_is_not_the_lab_s():
    """`up --checks none --timeout 9`, then plain `up`: checked, and with the usual timeout."""
    store = LabStore()
    spec = parse_spec("listeners: {external: {port: auto}}\nchecks: none\ntimeout: 9\n")
    store.save(replace(create_record(store, "homework", source=""), spec=spec.model_dump()))
    requested = lab_request(None, None).spec
    assert (requested.checks, requested.timeout, requested.listeners.external.port) == ("full", 120, "auto")
