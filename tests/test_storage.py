"""The storage that a node of the local runtime gets without the format tool: copied first metadata records, own ids."""

from dataclasses import replace

import pytest

from labctl.runtime.jvm.java import Java
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.runtime.jvm.storage import BOOTSTRAP_FILE, BOOTSTRAP_SNAPSHOT, make_storage
from tests.fakes import IDENTITY, a_plan

ISOLATED = "name: lab\nkafka: {brokers: 1, controllers: 3}\n"


@pytest.fixture
def storage(tmp_path):
    """A function that makes the storage of every node of an isolated lab, and returns {node: its files}."""

    def make(version):
        template = tmp_path / "template"
        for records in (BOOTSTRAP_FILE, BOOTSTRAP_SNAPSHOT):
            (template / records).parent.mkdir(parents=True, exist_ok=True)
            (template / records).write_text(records)
        kafka = LocalKafka(version, "test", Java(tmp_path, "25", "test"), (), {}, storage=str(template))
        plan = a_plan(ISOLATED, identity=replace(IDENTITY, state=str(tmp_path / "lab")))
        found = {}
        for node in plan.nodes:
            data = tmp_path / "lab" / "nodes" / node.name / "data"
            data.mkdir(parents=True)
            make_storage(kafka, plan, node, tmp_path)
            found[node.name] = sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())
            assert f"node.id={node.id}\n" in (data / "meta.properties").read_text()
        return found

    return make


def test_every_node_of_an_older_kafka_has_the_first_records(storage):
    """Until 4.3 the format tool writes them for brokers and for controllers."""
    assert set(map(tuple, storage("4.3.1").values())) == {("bootstrap.checkpoint", "meta.properties")}


def test_only_controllers_of_kafka_4_4_have_the_first_records(storage):
    """Its format tool writes them as the first snapshot of the metadata log, which brokers don't get (KIP-1170)."""
    found = storage("4.4.0")
    assert found.pop("broker") == ["meta.properties"]
    assert set(map(tuple, found.values())) == {(BOOTSTRAP_SNAPSHOT, "meta.properties")}


def test_the_first_voters_of_a_dynamic_quorum_have_the_same_checkpoints(tmp_path, monkeypatch):
    """The tool formats one, the others get its checkpoints with ids of their own; a later controller is formatted."""
    formatted = []

    def format_storage(_kafka, plan, node, _files):
        formatted.append(node.name)
        data = tmp_path / "lab" / "nodes" / node.name / "data"
        (data / BOOTSTRAP_SNAPSHOT).parent.mkdir()
        (data / BOOTSTRAP_SNAPSHOT).write_text(plan.initial_controllers)
        (data / "meta.properties").write_text("formatted")

    monkeypatch.setattr("labctl.runtime.jvm.storage.format_storage", format_storage)
    kafka = LocalKafka("4.4.0", "test", Java(tmp_path, "25", "test"), (), {})
    identity = replace(IDENTITY, state=str(tmp_path / "lab"), initial_controllers=2)
    plan = a_plan("kafka: {brokers: 1, controllers: 3, quorum: dynamic}", identity=identity)
    for node in plan.voters:
        data = tmp_path / "lab" / "nodes" / node.name / "data"
        data.mkdir(parents=True)
        make_storage(kafka, plan, node, tmp_path)
    assert formatted == ["controller-1", "controller-3"]
    assert (data.parent.parent / "controller-2" / "data" / BOOTSTRAP_SNAPSHOT).read_text() == plan.initial_controllers
    ids = (data.parent.parent / "controller-2" / "data" / "meta.properties").read_text()
    assert f"directory.id={plan.voters[1].directory_id}\n" in ids
