"""The projects of `labctl example`: what is in them, for each language and lab."""

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
    """The file that says how the program gets in."""
    return files[JAVA_SETTINGS if language == "java" else SOURCES[language]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_addresses_are_filled_in(language):
    """Each broker's, the lab's first topic, and nothing of a log-in."""
    files = example(language, "kafka: {brokers: 3}\ntopics: [{name: payments}]\n")
    for port in (9094, 9095, 9096):
        assert f"localhost:{port}" in settings_of(language, files)
    assert '"payments"' in files[SOURCES[language]]
    assert "`payments`" in files["README.md"]
    assert "sasl" not in "".join(files.values()).lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_secure_lab_s_user_logs_in(language):
    """By the password's file and the lab's CA."""
    files = example(language, SECURE)
    text = settings_of(language, files)
    provider = "student.provider.properties:password" if language == "java" else "student.password"
    assert f"/state/labs/lab/secrets/{provider}" in text
    assert "/state/labs/lab/secrets/ca.pem" in text
    assert "`student`" in files["README.md"]


def test_build_files_are_in_their_languages():
    """The clients' versions are pinned, Java's is the lab's Kafka."""
    pom = ET.fromstring(example("java")["pom.xml"])
    clients = {one.findtext("{*}artifactId"): one.findtext("{*}version") for one in pom.iterfind(".//{*}dependency")}
    assert clients["kafka-clients"] == "4.3.1"
    assert json.loads(example("node")["package.json"])["dependencies"] == {"kafkajs": "2.2.4"}
    go = example("go")
    modules = re.findall(r"^\t?(?:require )?(github\S+) (v\S+)", go["go.mod"], re.MULTILINE)
    assert len(modules) == 4
    for module, version in modules:
        assert f"{module} {version} h1:" in go["go.sum"]


def test_a_path_with_quotes_stays_a_path():
    """What a state folder is called can't end a string of the program, nor what is beyond Unicode's first plane."""
    odd = '/home/a "b" c\\d \U0001f600/labs/lab'
    path = f"{odd}/secrets/ca.pem"
    files = {language: example(language, SECURE, replace(IDENTITY, state=odd)) for language in LANGUAGES}
    assert path in compile(files["python"]["orders.py"], "orders.py", "exec").co_consts
    for language in ("node", "go"):
        assert path.replace("\\", "\\\\").replace('"', '\\"') in files[language][SOURCES[language]]


def test_another_user_of_the_lab():
    """As whom the program logs in; one that is not there is refused."""
    lab = "security: {protocol: sasl_ssl, users: [{name: reader}, {name: writer}]}\n"
    assert '"writer"' in make_example(a_plan(lab), "go", "writer")["main.go"]
    assert '"reader"' in make_example(a_plan(lab), "go")["main.go"]
    with pytest.raises(SpecError, match="there is no user nobody; there are reader, writer"):
        make_example(a_plan(lab), "go", "nobody")
    with pytest.raises(SpecError, match="the lab is plaintext"):
        make_example(a_plan(), "go", "writer")


def test_the_readme_names_the_lab():
    """What it says to type means this lab, wherever it is typed."""
    other = example("go", "name: other\n")["README.md"]
    assert "`labctl example --name other go --force -o .`" in other
    assert "`labctl status --name other`" in other
    assert "`labctl status`" in example("go")["README.md"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_folder_that_is_there_is_kept(tmp_path, language):
    """Not without --force, and then what else is in it stays; an empty one is taken."""
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


def test_where_nothing_can_be_written(tmp_path):
    """A sentence that names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match=r"(README\.md|orders\.py|pyproject\.toml) can't be written") as refused:
        write_example(example("python"), tmp_path / "file" / "orders", force=False)
    assert "-o DIR" in refused.value.hint
