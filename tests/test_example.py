"""The projects that `labctl example` creates, for each language and lab."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from labctl.errors import HostError, SpecError
from labctl.homework.example import LANGUAGES, make_example, write_example
from tests.fakes import IDENTITY, a_plan

SECURE = "security: {protocol: sasl_ssl}\n"
SOURCES = {"python": "orders.py", "java": "src/main/java/Orders.java", "node": "orders.js", "go": "main.go"}
JAVA_SETTINGS = "src/main/resources/client.properties"


def example(language, text="", identity=IDENTITY):
    return make_example(a_plan(text, identity=identity), language)


def settings_of(language, files):
    """Return the file that has the connection settings."""
    return files[JAVA_SETTINGS if language == "java" else SOURCES[language]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_addresses_are_filled_in(language):
    """Each broker's address and the lab's first topic; no login in a plaintext lab."""
    files = example(language, "kafka: {brokers: 3}\ntopics: [{name: payments}]\n")
    for port in (9094, 9095, 9096):
        assert f"localhost:{port}" in settings_of(language, files)
    assert '"payments"' in files[SOURCES[language]]
    assert "`payments`" in files["README.md"]
    assert "sasl" not in "".join(files.values()).lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_secure_lab_s_user_logs_in(language):
    """The project names the password's file and the lab's CA."""
    files = example(language, SECURE)
    text = settings_of(language, files)
    provider = "student.provider.properties:password" if language == "java" else "student.password"
    assert f"/state/labs/lab/secrets/{provider}" in text
    assert "/state/labs/lab/secrets/ca.pem" in text
    assert "`student`" in files["README.md"]


def test_build_files_pin_the_clients_versions():
    """Java's client has the version of the lab's Kafka; go.sum has each module's checksum."""
    pom = ET.fromstring(example("java")["pom.xml"])
    dependencies = pom.iterfind(".//{*}dependency")
    clients = {found.findtext("{*}artifactId"): found.findtext("{*}version") for found in dependencies}
    assert clients["kafka-clients"] == "4.4.0"
    assert json.loads(example("node")["package.json"])["dependencies"] == {"kafkajs": "2.2.4"}
    go = example("go")
    modules = re.findall(r"^\t?(?:require )?(github\S+) (v\S+)", go["go.mod"], re.MULTILINE)
    assert len(modules) == 4
    for module, version in modules:
        assert f"{module} {version} h1:" in go["go.sum"]


def test_a_path_with_quotes_stays_a_path():
    """Quotes, backslashes and emoji in the path of the state folder are escaped in each language."""
    state = '/home/a "b" c\\d \U0001f600/labs/lab'
    path = f"{state}/secrets/ca.pem"
    files = {language: example(language, SECURE, replace(IDENTITY, state=state)) for language in LANGUAGES}
    assert path in compile(files["python"]["orders.py"], "orders.py", "exec").co_consts
    for language in ("node", "go"):
        assert path.replace("\\", "\\\\").replace('"', '\\"') in files[language][SOURCES[language]]


def test_another_user_of_the_lab():
    """The program logs in as that user; an unknown user is rejected."""
    lab = "security: {protocol: sasl_ssl, users: [{name: reader}, {name: writer}]}\n"
    assert '"writer"' in make_example(a_plan(lab), "go", "writer")["main.go"]
    assert '"reader"' in make_example(a_plan(lab), "go")["main.go"]
    with pytest.raises(SpecError, match="there is no user nobody; there are reader, writer"):
        make_example(a_plan(lab), "go", "nobody")
    with pytest.raises(SpecError, match="the lab is plaintext"):
        make_example(a_plan(), "go", "writer")


def test_the_readme_names_the_lab():
    """Its commands work in any folder, so they name the lab; the homework lab needs no name."""
    other = example("go", "name: other\n")["README.md"]
    assert "`labctl example --name other go --force -o .`" in other
    assert "`labctl status --name other`" in other
    assert "`labctl status`" in example("go")["README.md"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_existing_folder_is_kept(tmp_path, language):
    """Only --force overwrites the project, and keeps other files; an empty folder needs no --force."""
    folder = tmp_path / "orders"
    folder.mkdir()
    write_example(example(language), folder, force=False)
    (folder / "mine").write_text("mine")
    source = folder / SOURCES[language]
    source.write_text("changed")
    with pytest.raises(SpecError, match="orders exists already") as refused:
        write_example(example(language), folder, force=False)
    assert "--force" in refused.value.hint
    assert source.read_text() == "changed"
    write_example(example(language), folder, force=True)
    assert source.read_text() == example(language)[SOURCES[language]]
    assert (folder / "mine").read_text() == "mine"


def test_a_folder_that_can_t_be_written(tmp_path):
    """The error names the file, and its remedy another folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match=r"(README\.md|orders\.py|pyproject\.toml) can't be written") as refused:
        write_example(example("python"), tmp_path / "file" / "orders", force=False)
    assert "-o DIR" in refused.value.hint
