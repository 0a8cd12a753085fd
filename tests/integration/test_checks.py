"""Each check on a real broker: it passes; after Kafka's own tools have changed the lab, it fails and says why."""

import json
import re
import signal

import psutil
import pytest

from labctl.kafka.client import KafkaClient
from tests.integration.labs import make_labctl
from tests.integration.single_check import SHORT, check_runner

pytestmark = pytest.mark.local

SERVER = ("--bootstrap-server", "broker:9092")
CLUSTER = ("--bootstrap-server", "broker-1:9092")


@pytest.fixture(scope="module")
def wrong_lab(tmp_path_factory):
    """A lab whose state the tests of this module change. Its checks time out after a few seconds."""
    labctl = make_labctl(tmp_path_factory.mktemp("wrong"))
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n")
    labctl.run("up", check=True)
    yield labctl
    labctl.run("down", check=True)


@pytest.fixture
def run_check(wrong_lab, monkeypatch):
    """A function that runs one check on the lab, with actions to run before methods of its client."""
    monkeypatch.setenv("XDG_STATE_HOME", wrong_lab.env["XDG_STATE_HOME"])
    with check_runner("homework") as runner:
        yield runner


def create_a_topic_with_an_unknown_controller(bootstrap):
    """Create and delete a topic while kafka-python takes for the controller a broker that it does not know yet."""
    with KafkaClient(bootstrap) as client:
        for change in (lambda: client.create_topics({"late": (1, 1, {})}), lambda: client.delete_topics(["late"])):
            admin = client._connected()
            admin._controller_id = 2
            admin._manager.cluster._brokers.pop(2, None)
            if 2 in admin._manager._conns:
                admin._manager._conns.pop(2).close()
            change()


def delete_records(wrong_lab, topic, partitions=1):
    """Delete all records of `topic` with kafka-delete-records.sh."""
    path = wrong_lab.spec(
        json.dumps({"partitions": [{"topic": topic, "partition": n, "offset": -1} for n in range(partitions)]}),
        "offsets.json",
    )
    wrong_lab.tool("kafka-delete-records.sh", *SERVER, "--offset-json-file", path)


def write_another_record(wrong_lab, topic):
    """Write an unexpected record with kafka-console-producer.sh."""
    wrong_lab.tool("kafka-console-producer.sh", *SERVER, "--topic", topic, input="somebody else's\n")


def test_topics(wrong_lab, run_check):
    """The check fails for a topic with more partitions than planned, and for a deleted topic."""
    assert run_check("topics").status == "passed"
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--alter", "--topic", "orders", "--partitions", "5")
    assert run_check("topics").detail == "topic orders has 5 partitions, planned are 3"
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "orders")
    gone = run_check("topics")
    assert (gone.status, gone.detail) == ("failed", "topic orders does not exist")
    wrong_lab.run("up", check=True)
    assert run_check("topics").status == "passed"


def test_json_records_mismatched(wrong_lab, run_check):
    """The check fails where another record comes before its own."""
    assert run_check("json-records").status == "passed"
    failed = run_check("json-records", produce=lambda topic, *_, **__: write_another_record(wrong_lab, topic))
    assert failed.status == "failed"
    assert "somebody else's" in failed.detail


def test_json_records_deleted(wrong_lab, run_check):
    """The check fails where the lab's seed records were deleted."""
    assert run_check("json-records").status == "passed"
    delete_records(wrong_lab, "orders", partitions=3)
    failed = run_check("json-records")
    assert failed.status == "failed"
    assert "3 of the 3 seed records of topic orders are missing: hello, kafka" in failed.detail
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "orders")
    wrong_lab.run("up", check=True)
    assert run_check("json-records").status == "passed"


def test_console_to_host(wrong_lab, run_check):
    """The check fails where the console producer's records are deleted before the host reads them."""
    assert run_check("console-to-host").status == "passed"
    failed = run_check("console-to-host", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert failed.status == "failed"
    assert "3 lines were written to broker:9092, but none were read from localhost:" in failed.detail


def test_console_to_host_rejected(wrong_lab, run_check):
    """The check quotes the producer's error for a record that is too large, although the exit code is 0."""
    limit = ("--alter", "--entity-type", "brokers", "--entity-default")
    assert run_check("console-to-host").status == "passed"
    wrong_lab.tool("kafka-configs.sh", *SERVER, *limit, "--add-config", "message.max.bytes=20")
    try:
        failed = run_check("console-to-host", SHORT)
    finally:
        wrong_lab.tool("kafka-configs.sh", *SERVER, *limit, "--delete-config", "message.max.bytes")
    assert failed.status == "failed"
    assert "RecordTooLargeException" in failed.detail
    assert run_check("console-to-host").status == "passed"


def test_host_to_console(wrong_lab, run_check):
    """The check fails where the console consumer reads another record first."""
    assert run_check("host-to-console").status == "passed"
    failed = run_check("host-to-console", produce=lambda topic, *_, **__: write_another_record(wrong_lab, topic))
    assert failed.status == "failed"
    assert "somebody else's" in failed.detail
    assert "$ /opt/kafka/bin/kafka-console-consumer.sh" in failed.evidence[0]


def test_keyed_order(wrong_lab, run_check):
    """The check fails where records were deleted."""
    assert run_check("keyed-order").status == "passed"
    failed = run_check("keyed-order", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert failed.status == "failed"
    assert failed.detail.startswith("60 records were written, ")


def test_consumer_group(wrong_lab, run_check):
    """The check fails where the group's offsets are reset before the third member joins."""
    joined = []

    def reset_before_the_third(topic, group):
        joined.append(group)
        if len(joined) == 3:
            reset(topic, group)

    def reset(topic, group):
        wrong_lab.tool(
            *("kafka-consumer-groups.sh", *SERVER, "--group", group, "--topic", topic),
            *("--reset-offsets", "--to-earliest", "--execute"),
        )

    assert run_check("consumer-group").status == "passed"
    failed = run_check("consumer-group", member=reset_before_the_third)
    assert failed.status == "failed"
    assert "again after it had committed them: the offsets were lost" in failed.detail


def test_transaction(wrong_lab, run_check):
    """The check fails where the committed record was deleted."""
    assert run_check("transaction").status == "passed"
    failed = run_check("transaction", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert (failed.status, failed.detail) == ("failed", "the committed record was not read: []")


def test_share_group(wrong_lab, run_check):
    """The check fails where the share group starts at the end of the log and so gets no records."""

    def starts_at_the_end(_topic, *_arguments, **_options):
        group = wrong_lab.group
        change = ("--alter", "--entity-type", "groups", "--entity-name", group)
        wrong_lab.tool("kafka-configs.sh", *SERVER, *change, "--add-config", "share.auto.offset.reset=latest")

    assert run_check("share-group").status == "passed"
    wrong_lab.group = None
    failed = run_check(
        "share-group",
        2 * SHORT,
        set_group_config=lambda group, _config: setattr(wrong_lab, "group", group),
        produce=starts_at_the_end,
    )
    assert failed.status == "failed"
    # Kafka's tool may wait for 30 s when it leaves a group
    assert re.search("3 records were written, the share group read 0|did not end within", failed.detail), failed
    assert "kafka-console-share-consumer.sh" in failed.evidence[0]


@pytest.mark.timeout(180)
def test_replication_and_quorum(tmp_path, monkeypatch):
    """`replication` fails where acknowledged records are lost; `quorum` reports the voter that was killed."""
    labctl = make_labctl(tmp_path / "labctl")
    labctl.spec(
        "name: three\nkafka: {brokers: 3}\nlisteners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
    )
    monkeypatch.setenv("XDG_STATE_HOME", labctl.env["XDG_STATE_HOME"])

    def delete(topic, **_):
        path = labctl.spec(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": -1}]}), "offsets.json")
        labctl.tool("kafka-delete-records.sh", *CLUSTER, "--offset-json-file", path, node="broker-1")

    try:
        labctl.run("up", check=True)
        create_a_topic_with_an_unknown_controller(labctl.json("status")["endpoints"]["external"])
        with check_runner("three") as run_check:
            assert run_check("replication").status == "passed"
            failed = run_check("replication", read=delete)
        assert failed.status == "failed", failed
        assert re.match(r"of \d+ acknowledged records [1-9]\d* are lost and 0 are duplicated", failed.detail), failed
        assert labctl.run("check", "quorum").returncode == 0
        pid = json.loads((labctl.state / "labs/three/nodes/broker-3/pid.json").read_text())["pid"]
        psutil.Process(pid).send_signal(signal.SIGKILL)
        for _ in range(20):
            report = labctl.json("check", "quorum")
            if "2 of 3 voters caught up" in report["checks"][0]["detail"]:
                break
        assert "2 of 3 voters caught up: voter 3 is " in report["checks"][0]["detail"]
        assert "timed out after 5 s" in report["checks"][0]["detail"]
        assert {node["name"]: node["state"] for node in report["nodes"]}["broker-3"] == "exited"
    finally:
        labctl.run("down", check=True)
