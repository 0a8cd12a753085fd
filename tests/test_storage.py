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
