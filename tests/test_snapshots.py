"""Whole labs: snapshots of a lab, and labs as files."""

import json
import tarfile
from dataclasses import replace

import pytest

from labctl.errors import HostError, LabStopped, SpecError
from labctl.kafka.client import Record
from labctl.lab import export as lab_export
from labctl.lab import lifecycle
from labctl.lab.export import export_lab, exported_spec
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest
from labctl.lab.snapshots import delete_snapshot, list_snapshots, restore_snapshot, save_snapshot
from labctl.state.store import RESTORING, STOPPED
from tests.fake_lab import TEXT

QUIET = NullReporter()


def data_of(fake_lab):
    """The data of the lab's broker."""
    return fake_lab.runtime.data["broker"]


def create_from(fake_lab, path, name="other", **changes):
    """Create another lab from an export."""
    spec = exported_spec(path, trusted=False).model_copy(update={"name": name, "checks": "none"} | changes)
    fake_lab.runtime = None
    request = LabRequest(spec, "", fake_lab.folder.parent / name, path)
    return lifecycle.up(request, fake_lab.store, QUIET)


# -- snapshots -------------------------------------------------------------


def test_a_snapshot_brings_the_data_back(fake_lab):
    """The lab is stopped meanwhile; whoever called starts it again."""
    fake_lab.up()
    data_of(fake_lab)["00000.log"] = "one"
    saved = save_snapshot("lab", "begin", fake_lab.store, QUIET)
    assert (saved.name, fake_lab.runtime.running) == ("lab", set())
    data_of(fake_lab)["00000.log"] = "two"
    restore_snapshot("lab", "begin", fake_lab.store, QUIET)
    assert data_of(fake_lab)["00000.log"] == "one"
    assert fake_lab.store.load("lab").phase == STOPPED


def test_snapshots_are_listed_and_deleted(fake_lab):
    """Two of the same name are refused; one that is not there is named with those that are."""
    fake_lab.up()
    for name in ("one", "two"):
        save_snapshot("lab", name, fake_lab.store, QUIET)
    with pytest.raises(SpecError, match="has a snapshot one already"):
        save_snapshot("lab", "one", fake_lab.store, QUIET)
    assert [saved.folder.name for saved in list_snapshots("lab", fake_lab.store, QUIET)] == ["one", "two"]
    delete_snapshot("lab", "one", fake_lab.store, QUIET)
    with pytest.raises(SpecError, match="has no snapshot one; it has two"):
        restore_snapshot("lab", "one", fake_lab.store, QUIET)
    with pytest.raises(SpecError, match="a snapshot's name is"):
        save_snapshot("lab", "../up", fake_lab.store, QUIET)


def test_a_damaged_snapshot_changes_nothing(fake_lab):
    """The file that is not as it was saved is named."""
    fake_lab.up()
    saved = save_snapshot("lab", "begin", fake_lab.store, QUIET)
    (saved.folder / "data" / "broker" / "meta.properties").write_text("cluster.id=other\n")
    data_of(fake_lab)["00000.log"] = "kept"
    with pytest.raises(HostError, match=r"broker/meta.properties is not as it was saved"):
        restore_snapshot("lab", "begin", fake_lab.store, QUIET)
    assert data_of(fake_lab)["00000.log"] == "kept"


def test_a_lab_that_is_half_restored_is_not_started(fake_lab):
    """Its nodes would have data of different times. Restoring again is the remedy."""
    fake_lab.up()
    save_snapshot("lab", "begin", fake_lab.store, QUIET)
    fake_lab.store.set_phase(fake_lab.store.load("lab"), RESTORING)
    with pytest.raises(HostError, match="a snapshot was being restored in the lab lab") as refused:
        fake_lab.up()
    assert "labctl snapshot restore NAME" in refused.value.hint
    restore_snapshot("lab", "begin", fake_lab.store, QUIET)
    assert fake_lab.up().status == "passed"


# -- labs as files ---------------------------------------------------------


def test_a_lab_is_created_from_a_file(fake_lab, tmp_path):
    """It has the data of the first, and a cluster id of its own: `down` of one must not find the other."""
    fake_lab.up()
    data_of(fake_lab)["00000.log"] = "records"
    first = fake_lab.store.load("lab").identity.cluster_id
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    assert fake_lab.runtime.running == set()
    assert create_from(fake_lab, tmp_path / "lab.tgz").status == "passed"
    second = fake_lab.store.load("other").identity.cluster_id
    assert data_of(fake_lab)["00000.log"] == "records"
    assert data_of(fake_lab)["meta.properties"] == f"cluster.id={second}\n"
    assert first != second


def test_a_lab_that_exists_is_not_replaced(fake_lab, tmp_path):
    """Its data would be lost."""
    fake_lab.up()
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    with pytest.raises(SpecError, match="the lab lab exists already, and has data of its own"):
        create_from(fake_lab, tmp_path / "lab.tgz", name="lab")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("security: {protocol: sasl_ssl}", "an export has no secrets"),
        ("kafka: {brokers: 1, controllers: 1, quorum: dynamic}", "the ids of its voters' folders"),
        ("kafka: {config: {ssl.key.password: x}}", "kafka.config has a secret"),
    ],
)
def test_a_lab_that_others_can_t_have_is_no_file(fake_lab, tmp_path, text, why):
    """It has secrets, or belongs to its cluster id; nothing is stopped, and nothing is written."""
    from labctl.lab.existing import open_lab

    fake_lab.up()
    plan = open_lab("lab", fake_lab.store, QUIET).plan
    from tests.fakes import a_plan

    other = a_plan(text) if "config" not in text else replace(plan, broker_config=(("ssl.key.password", "x"),))
    lab = replace(open_lab("lab", fake_lab.store, QUIET), plan=other)
    with pytest.raises(SpecError, match=why):
        lab_export._refuse_unportable(lab)


def test_a_lab_with_connectors_needs_trust(fake_lab, tmp_path):
    """They run as soon as it starts."""
    fake_lab.up()
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    with tarfile.open(tmp_path / "lab.tgz") as archive:
        archive.extractall(tmp_path / "content", filter="data")
    document = json.loads((tmp_path / "content" / "lab.json").read_text())
    document["spec"]["services"] = {"schema_registry": None, "connect": {"port": 8083}}
    (tmp_path / "content" / "lab.json").write_text(json.dumps(document))
    with tarfile.open(tmp_path / "with.tgz", "w:gz") as archive:
        archive.add(tmp_path / "content" / "lab.json", "lab.json")
    with pytest.raises(SpecError, match="it has services, whose data can run programs"):
        exported_spec(tmp_path / "with.tgz", trusted=False)
    assert exported_spec(tmp_path / "with.tgz", trusted=True).services.connect


def test_connectors_that_can_t_be_seen_are_not_exported(fake_lab, monkeypatch):
    """One may have a password: Kafka Connect must run, so that labctl can look."""
    from labctl.lab.existing import open_lab
    from tests.fakes import a_plan

    fake_lab.up()
    plan = a_plan("services: {connect: true}")
    lab = replace(open_lab("lab", fake_lab.store, QUIET), plan=plan)
    fake_lab.runtime.plan = plan
    with pytest.raises(LabStopped, match="does not run: it must say whether a connector has a password"):
        lab_export._refuse_unportable(lab)
    fake_lab.runtime.running.add("connect")
    monkeypatch.setattr(lab_export, "open_client", lambda _plan: fake_lab.kafka)
    configs = [{"file": "/tmp/x"}, None, {"connection.url": "jdbc:postgresql://ann:secret@db/shop"}]
    records = [Record(0, 0, b"connector-x", json.dumps({"properties": each}).encode()) for each in configs]
    fake_lab.kafka.read = lambda _topic: records[:2]
    lab_export._refuse_unportable(lab)
    fake_lab.kafka.read = lambda _topic: records
    with pytest.raises(SpecError, match=r"a connector has, or had, a password in its configuration"):
        lab_export._refuse_unportable(lab)


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({"sasl.jaas.config": 'x.Login required username="a" password="b";'}, True),
        ({"connection.url": "jdbc:postgresql://ann:secret@db/shop"}, True),
        ({"schema.registry.basic.auth.user.info": "ann:secret"}, True),
        ({"database.password": "x"}, True),
        ({"database.password": "${file:/secrets:x}", "file": "/tmp/x", "topics": "orders"}, False),
    ],
)
def test_what_is_a_secret_in_a_configuration(settings, secret):
    """By its name, in a JAAS line, or as the login in a URL; not what names the place of a secret."""
    assert lab_export._has_secret(settings) is secret


@pytest.mark.parametrize("name", ["../evil", "data/broker/../../evil", "data/broker/unlisted"])
def test_an_export_with_other_files_is_refused(fake_lab, tmp_path, name):
    """What its document does not list, or what would be outside of the folder."""
    fake_lab.up()
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    with tarfile.open(tmp_path / "lab.tgz") as archive:
        archive.extractall(tmp_path / "content", filter="data")
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as archive:
        archive.add(tmp_path / "content" / "lab.json", "lab.json")
        archive.add(tmp_path / "content" / "data", "data")
        archive.add(tmp_path / "evil", name)
    with pytest.raises(HostError, match=r"evil.tgz can't be unpacked"):
        create_from(fake_lab, tmp_path / "evil.tgz")
    assert fake_lab.store.load("other") is None


def test_an_export_that_names_a_file_of_this_machine_is_refused(fake_lab, tmp_path):
    """Its content would become records, which others may read."""
    fake_lab.up()
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    with tarfile.open(tmp_path / "lab.tgz") as archive:
        document = json.loads(archive.extractfile("lab.json").read())
        assert all(not (member.uname or member.gname or member.uid) for member in archive.getmembers())
    document["spec"]["topics"] = [{"name": "x", "records": {"file": "/home/ann/secret"}}]
    (tmp_path / "lab.json").write_text(json.dumps(document))
    with tarfile.open(tmp_path / "file.tgz", "w:gz") as archive:
        archive.add(tmp_path / "lab.json", "lab.json")
    with pytest.raises(SpecError, match="it names a file of seed records"):
        exported_spec(tmp_path / "file.tgz", trusted=False)


def test_a_lab_that_is_half_restored_is_not_saved(fake_lab, tmp_path):
    """`stop` does not hide it either."""
    fake_lab.up()
    save_snapshot("lab", "begin", fake_lab.store, QUIET)
    fake_lab.store.set_phase(fake_lab.store.load("lab"), RESTORING)
    lifecycle.stop("lab", fake_lab.store, QUIET)
    assert fake_lab.store.load("lab").phase == RESTORING
    with pytest.raises(HostError, match="its data are not complete"):
        save_snapshot("lab", "later", fake_lab.store, QUIET)
    with pytest.raises(HostError, match="its data are not complete"):
        export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)


def test_what_is_no_export(fake_lab, tmp_path):
    """A missing file, another file, another archive, a format of a later labctl: a sentence each."""
    with pytest.raises(SpecError, match="no such file"):
        exported_spec(tmp_path / "none.tgz", trusted=False)
    (tmp_path / "text.tgz").write_text("hello")
    with pytest.raises(SpecError, match="no lab that `labctl export` wrote"):
        exported_spec(tmp_path / "text.tgz", trusted=False)
    for name, document in {"lab.json": '{"format": 99, "labctl": "9.0"}', "other.json": "{}"}.items():
        (tmp_path / name).write_text(document)
        with tarfile.open(tmp_path / f"{name}.tgz", "w:gz") as archive:
            archive.add(tmp_path / name, name)
    with pytest.raises(SpecError, match=r"labctl 9.0 wrote it, in format 99; this labctl reads format 1"):
        exported_spec(tmp_path / "lab.json.tgz", trusted=False)
    with pytest.raises(SpecError, match="no lab that"):
        exported_spec(tmp_path / "other.json.tgz", trusted=False)


def test_an_older_kafka_can_t_read_the_data(fake_lab, tmp_path):
    """The lab that could not be created is removed."""
    fake_lab.up()
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    kafka = exported_spec(tmp_path / "lab.tgz", trusted=False).kafka.model_copy(update={"version": "4.3.1"})
    with pytest.raises(SpecError, match=r"Kafka 4.4.0 wrote the data, and Kafka 4.3.1 can't read them"):
        create_from(fake_lab, tmp_path / "lab.tgz", kafka=kafka)
    assert fake_lab.store.load("other") is None


def test_files_of_seed_records_are_left_out(fake_lab, tmp_path):
    """Their records are in the data, and the file is on the first machine alone."""
    (tmp_path / "work" / "orders.txt").write_text("one\n")
    fake_lab.up(TEXT.replace("topics:", "topics:\n  - {name: filled, records: {file: orders.txt}}\n", 1))
    export_lab("lab", tmp_path / "lab.tgz", fake_lab.store, QUIET)
    assert all(not topic.record_file for topic in exported_spec(tmp_path / "lab.tgz", trusted=False).topics)
