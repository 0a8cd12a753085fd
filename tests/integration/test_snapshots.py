"""Whole labs: snapshots, and labs as files."""

import hashlib
import json
import shutil
import time

import pytest
import requests

from labctl.kafka.client import KafkaClient

pytestmark = pytest.mark.local

LAB = """\
listeners: {external: {port: auto}}
ui: {kind: none}
checks: quick
"""
NOW = int(time.time() * 1000)  # old records would be deleted
RECORDS = [
    {
        "key": f"c{number % 7}",
        "value": {"orderid": number} if number % 100 else None,
        "headers": {"n": str(number)},
        "partition": number % 3,
        "timestamp": NOW - number,
    }
    for number in range(3001)
]
GROUP = "readers"
SCHEMA = {"type": "record", "name": "Order", "fields": [{"name": "orderid", "type": "long"}]}


def fill(labctl, topic="orders"):
    """Load records, and commit offsets of a group."""
    (labctl.folder / "records.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in RECORDS))
    labctl.run("load", topic, "records.jsonl", check=True)
    options = ("--bootstrap-server", "localhost:9092", "--topic", topic, "--from-beginning", "--group", GROUP)
    labctl.tool("kafka-console-consumer.sh", *options, "--max-messages", "1000", "--timeout-ms", "30000")


def contents(labctl, *which):
    """What a lab has: the records of its topic with all that belongs to them, and the offsets of the group."""
    dump = labctl.run("dump", "orders", *which, check=True).stdout
    bootstrap = labctl.json("status", *which)["endpoints"]["external"]
    with KafkaClient(bootstrap) as client:
        offsets = client.committed_offsets(GROUP)
        ends = client.offset_ranges({"orders": [0, 1, 2]})
    assert dump.count("\n") > 3000
    return hashlib.sha256(dump.encode()).hexdigest(), offsets, ends


def test_a_lab_returns_to_its_snapshot(labctl):
    """Records, offsets and groups are exactly as they were, whatever happened since."""
    labctl.spec(f"{LAB}runtime: local\n")
    labctl.run("up", check=True)
    fill(labctl)
    before = contents(labctl)
    assert "saved the lab homework" in labctl.run("snapshot", "save", "begin", check=True).stderr
    assert contents(labctl) == before
    assert labctl.run("snapshot", "save", "begin").returncode == 2
    labctl.tool("kafka-topics.sh", "--delete", "--topic", "orders", "--bootstrap-server", "localhost:9092")
    labctl.tool("kafka-topics.sh", "--create", "--topic", "new", "--bootstrap-server", "localhost:9092")
    labctl.run("snapshot", "restore", "begin", check=True)
    assert contents(labctl) == before
    topics = labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "localhost:9092").stdout.split()
    assert "new" not in topics
    assert [saved["name"] for saved in labctl.json("snapshot", "ls")] == ["begin"]
    missing = labctl.run("snapshot", "restore", "end")
    assert (missing.returncode, "has no snapshot end; it has begin" in missing.stderr) == (2, True)
    labctl.run("snapshot", "delete", "begin", check=True)
    assert labctl.json("snapshot", "ls") == []


@pytest.mark.gate
def test_a_lab_as_a_file(labctl):
    """`up --from` creates the same lab under another name, beside the first, and `down` of one leaves the other."""
    labctl.spec(f"{LAB}runtime: local\n")
    labctl.run("up", check=True)
    fill(labctl)
    before = contents(labctl)
    labctl.run("export", "lab.tgz", check=True)
    assert contents(labctl) == before
    created = labctl.json("up", "--from", "lab.tgz", "--name", "student")
    assert created["status"] == "passed", created
    assert contents(labctl, "--name", "student") == before
    labctl.run("down", "--name", "student", check=True)
    assert contents(labctl) == before
    again = labctl.run("up", "--from", "lab.tgz")
    assert (again.returncode, "the lab homework exists already" in again.stderr) == (2, True)


def test_what_is_no_export_is_refused(labctl):
    """A damaged file, another file, an older Kafka, a lab with secrets: one sentence each, and no lab."""
    labctl.spec(f"{LAB}runtime: local\n")
    labctl.run("up", check=True)
    labctl.run("export", "lab.tgz", check=True)
    labctl.run("down", check=True)
    data = (labctl.folder / "lab.tgz").read_bytes()
    cases = {
        "cut.tgz": (data[: len(data) // 2], 3, "cut.tgz can't be unpacked"),
        "text.tgz": (b"hello", 2, "text.tgz: no lab that `labctl export` wrote"),
    }
    for name, (content, code, message) in cases.items():
        (labctl.folder / name).write_bytes(content)
        done = labctl.run("up", "--from", name)
        assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    older = labctl.run("up", "--from", "lab.tgz", "--kafka", "4.3.1")
    assert older.returncode == 2
    assert "Kafka 4.4.0 wrote the data, and Kafka 4.3.1 can't read them" in older.stderr
    assert labctl.json("ls") == []
    shutil.rmtree(labctl.folder / ".labctl", ignore_errors=True)
    labctl.spec(f"{LAB}runtime: local\nname: secure\nsecurity: {{protocol: sasl_ssl}}\n")
    labctl.run("up", check=True)
    refused = labctl.run("export", "secure.tgz")
    assert (refused.returncode, "an export has no secrets" in refused.stderr) == (2, True)
    assert not (labctl.folder / "secure.tgz").exists()


@pytest.mark.docker
def test_a_lab_moves_between_runtimes(engine_labctl):
    """Exported without Docker and created in Docker, and the other way: equal records, offsets, groups, schemas."""
    labctl = engine_labctl
    services = '{schema_registry: {port: auto, image: "labctl/apicurio-registry:3.3.3"}}'
    labctl.run("image", "build", "--service", "schema-registry", timeout=390, check=True)
    spec = f"{LAB}name: first\nruntime: local\nkafka: {{image: labctl/kafka}}\nservices: {services}\n"
    labctl.spec(spec)
    labctl.run("up", check=True, timeout=390)
    fill(labctl)
    before = contents(labctl)

    def versions(*which):
        url = json.loads(labctl.run("env", "--format", "json", *which, check=True).stdout)["schema.registry.url"]
        return f"{url}/subjects/orders-value/versions"

    requests.post(versions(), json={"schema": json.dumps(SCHEMA)}, timeout=30).raise_for_status()
    labctl.run("export", "first.tgz", check=True)
    labctl.run(
        "up", "--from", "first.tgz", "--trust", "--name", "second", "--runtime", "compose", check=True, timeout=390
    )
    assert contents(labctl, "--name", "second") == before
    assert requests.get(versions("--name", "second"), timeout=30).json() == [1]
    labctl.run("export", "second.tgz", "--name", "second", check=True)
    labctl.run(
        "up", "--from", "second.tgz", "--trust", "--name", "third", "--runtime", "local", check=True, timeout=390
    )
    assert contents(labctl, "--name", "third") == before
    assert requests.get(versions("--name", "third"), timeout=30).json() == [1]
    labctl.run("snapshot", "save", "one", "--name", "second", check=True)
    labctl.run("load", "orders", "records.jsonl", "--name", "second", check=True)
    labctl.run("snapshot", "restore", "one", "--name", "second", check=True)
    assert contents(labctl, "--name", "second") == before
