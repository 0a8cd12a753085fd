"""Seed records with keys and from files: what is refused, what is written, and when."""

import sys

import pytest

from labctl.errors import HostError, SpecError
from labctl.kafka.librdkafka.writer import write_records
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.records.record import RecordData
from labctl.spec.loader import load_spec
from tests.fake_lab import TEXT

FROM_FILE = TEXT + "topics: [{name: t, records: {file: orders.jsonl}}]\n"


@pytest.fixture
def written(monkeypatch):
    """What librdkafka would write: [(topic, records)]."""
    found = []

    def write(_settings, topic, records, _report=None):
        found.append((topic, [record for _number, record in records]))
        return len(found[-1][1])

    for module in ("load", "contents"):
        monkeypatch.setattr(f"labctl.lab.{module}.write_records", write)
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of lab.yaml."""
    folder = tmp_path / "course"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_records_with_keys_are_written_as_they_are(fake_lab, written):
    """Keys, headers and partitions need librdkafka; lines of text do not."""
    fake_lab.up(
        TEXT + "topics: [{name: t, records: [a, {key: k, value: {b: 1}, headers: {h: x}}]}, {name: u, records: [c]}]\n"
    )
    assert written == [("t", [RecordData(b"a", partition=0), RecordData(b'{"b":1}', b"k", (("h", b"x"),))])]
    assert fake_lab.kafka.records == {"u": [(None, b"c")]}


def test_the_records_of_a_file_are_written_once(fake_lab, written, folder):
    """When the topic is created, and again by reset."""
    (folder / "orders.jsonl").write_text('{"key": "k", "value": "a"}\n')
    fake_lab.up(FROM_FILE)
    fake_lab.kafka.records["t"] = [(b"k", b"a")]
    fake_lab.up(FROM_FILE)
    assert written == [("t", [RecordData(b"a", b"k")])]


def test_a_wrong_file_stops_up_before_anything_is_created(fake_lab, folder):
    """All that is wrong is reported, with exit code 2, and there is no lab."""
    with pytest.raises(SpecError) as missing:
        fake_lab.up(FROM_FILE)
    assert missing.value.problems == [f"{folder}/orders.jsonl: can't be read: No such file or directory"]
    (folder / "orders.jsonl").write_text('{"value": 1, "partition": 3}\nx\n')
    with pytest.raises(SpecError) as wrong:
        fake_lab.up(FROM_FILE)
    assert [problem.split(": ")[0] for problem in wrong.value.problems] == [
        f"{folder}/orders.jsonl:1",
        f"{folder}/orders.jsonl:2",
    ]
    assert fake_lab.store.load("lab") is None


def test_a_wrong_file_stops_reset_before_anything_is_deleted(fake_lab, written, folder):
    """The lab keeps what it has."""
    file = folder / "orders.jsonl"
    file.write_text('{"value": "a"}\n')
    fake_lab.up(FROM_FILE)
    fake_lab.kafka.records["t"] = [(None, b"a"), (None, b"later")]
    file.unlink()
    with pytest.raises(SpecError, match="No such file"):
        lifecycle.reset("lab", fake_lab.store, NullReporter())
    assert fake_lab.kafka.records["t"] == [(None, b"a"), (None, b"later")]


def test_a_compacted_topic_needs_keys_in_the_file_too(fake_lab, folder):
    """Kafka would refuse the records when the lab exists."""
    (folder / "orders.jsonl").write_text('{"key": "k", "value": 1}\n{"value": 2}\n')
    with pytest.raises(SpecError, match="key: a compacted topic accepts only records with a key"):
        fake_lab.up(FROM_FILE.replace("{name: t,", "{name: t, config: {cleanup.policy: compact},"))


def test_a_file_that_became_a_link_is_not_read(fake_lab, written, folder):
    """lab.yaml was read when it was a file; a link may lead to any file of the user."""
    file = folder / "orders.jsonl"
    file.write_text('{"value": "a"}\n')
    fake_lab.up(FROM_FILE)
    (folder / "secret").write_text("secret\n")
    file.unlink()
    file.symlink_to(folder / "secret")
    with pytest.raises(SpecError, match="it is a link"):
        lifecycle.reset("lab", fake_lab.store, NullReporter())


@pytest.mark.parametrize("file", [".aws/credentials", "a/.ssh/id_rsa", "loop"])
def test_files_of_programs_and_loops_are_refused(folder, file):
    """A lab.yaml in the home folder must not read what programs keep there."""
    (folder / "loop").symlink_to(folder / "loop")
    path = folder / "lab.yaml"
    path.write_text(f"topics: [{{name: t, records: {{file: {file}}}}}]\n")
    with pytest.raises(SpecError, match=r"begins with a dot|can't be read|Symlink loop"):
        load_spec(path)


@pytest.mark.parametrize("file", ["../secret", "link", "/etc/passwd"])
def test_a_file_elsewhere_needs_trust(folder, file):
    """Somebody else's lab.yaml must not read any file into a topic, by a link neither."""
    (folder / "link").symlink_to(folder.parent / "secret")
    path = folder / "lab.yaml"
    path.write_text(f"topics: [{{name: t, records: {{file: {file}}}}}]\n")
    with pytest.raises(SpecError, match=r"topics\[0\].records.file: is not in the folder of lab.yaml"):
        load_spec(path)
    (topic,) = load_spec(path, trusted=True).topics
    assert topic.record_file == str((folder / file).resolve())


def test_without_confluent_kafka(monkeypatch):
    """On a system without a wheel of it, the error says what to do."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(HostError, match="confluent-kafka can't be imported") as error:
        write_records({}, "t", [])
    assert "pip install confluent-kafka" in error.value.hint
