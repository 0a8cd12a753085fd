"""Each check on a real broker: it passes, then Kafka's own tools make the lab wrong, and it says what is wrong."""

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
    """A lab of this module, to be made wrong; its checks give up after a few seconds."""
    one = make_labctl(tmp_path_factory.mktemp("wrong"))
    one.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n")
    one.run("up", check=True)
    yield one
    one.run("down", check=True)


@pytest.fixture
def ask(wrong_lab, monkeypatch):
    """Run one check on the lab, with what is to be done before some verbs of its client."""
    monkeypatch.setenv("XDG_STATE_HOME", wrong_lab.env["XDG_STATE_HOME"])
    with check_runner("homework") as one_check:
        yield one_check


def make_a_topic_where_a_broker_came_late(bootstrap):
    """kafka-python names a controller that it does not know yet; the topic is made and deleted all the same."""
    with KafkaClient(bootstrap) as client:
        for ask in (lambda: client.create_topics({"late": (1, 1, {})}), lambda: client.delete_topics(["late"])):
            admin = client._connected()
            admin._controller_id = 2
            admin._manager.cluster._brokers.pop(2, None)
            if 2 in admin._manager._conns:
                admin._manager._conns.pop(2).close()
            ask()


def delete_records(wrong_lab, topic, partitions=1):
    """kafka-delete-records.sh: everything that `topic` has."""
    path = wrong_lab.spec(
        json.dumps({"partitions": [{"topic": topic, "partition": n, "offset": -1} for n in range(partitions)]}),
        "offsets.json",
    )
    wrong_lab.tool("kafka-delete-records.sh", *SERVER, "--offset-json-file", path)


def write_before(wrong_lab, topic):
    """kafka-console-producer.sh: a line that nobody asked for."""
    wrong_lab.tool("kafka-console-producer.sh", *SERVER, "--topic", topic, input="somebody else's\n")


def test_topics(wrong_lab, ask):
    """A topic with more partitions than planned, and a deleted one."""
    assert ask("topics").status == "passed"
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--alter", "--topic", "orders", "--partitions", "5")
    assert ask("topics").detail == "topic orders has 5 partitions, planned are 3"
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "orders")
    gone = ask("topics")
    assert (gone.status, gone.detail) == ("failed", "topic orders does not exist")
    wrong_lab.run("up", check=True)
    assert ask("topics").status == "passed"


def test_json_records_altered(wrong_lab, ask):
    """A record that somebody put before the check's own."""
    assert ask("json-records").status == "passed"
    failed = ask("json-records", produce=lambda topic, *_, **__: write_before(wrong_lab, topic))
    assert failed.status == "failed"
    assert "somebody else's" in failed.detail


def test_json_records_gone(wrong_lab, ask):
    """The lab's seed records, deleted."""
    assert ask("json-records").status == "passed"
    delete_records(wrong_lab, "orders", partitions=3)
    failed = ask("json-records")
    assert failed.status == "failed"
    assert "3 of the 3 seed records of topic orders are missing: hello, kafka" in failed.detail
    wrong_lab.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "orders")
    wrong_lab.run("up", check=True)
    assert ask("json-records").status == "passed"


def test_console_to_host(wrong_lab, ask):
    """What the console producer wrote is deleted before the host reads."""
    assert ask("console-to-host").status == "passed"
    failed = ask("console-to-host", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert failed.status == "failed"
    assert "3 lines were written to broker:9092, but none were read from localhost:" in failed.detail


def test_console_to_host_refused(wrong_lab, ask):
    """The broker takes no record that long: the producer's own complaint is quoted, though its exit code is 0."""
    limit = ("--alter", "--entity-type", "brokers", "--entity-default")
    assert ask("console-to-host").status == "passed"
    wrong_lab.tool("kafka-configs.sh", *SERVER, *limit, "--add-config", "message.max.bytes=20")
    try:
        failed = ask("console-to-host", SHORT)
    finally:
        wrong_lab.tool("kafka-configs.sh", *SERVER, *limit, "--delete-config", "message.max.bytes")
    assert failed.status == "failed"
    assert "RecordTooLargeException" in failed.detail
    assert ask("console-to-host").status == "passed"


def test_host_to_console(wrong_lab, ask):
    """A record that nobody asked for comes out first."""
    assert ask("host-to-console").status == "passed"
    failed = ask("host-to-console", produce=lambda topic, *_, **__: write_before(wrong_lab, topic))
    assert failed.status == "failed"
    assert "somebody else's" in failed.detail
    assert "$ /opt/kafka/bin/kafka-console-consumer.sh" in failed.evidence[0]


def test_keyed_order(wrong_lab, ask):
    """Records of one partition, deleted."""
    assert ask("keyed-order").status == "passed"
    failed = ask("keyed-order", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert failed.status == "failed"
    assert failed.detail.startswith("60 records were written, ")


def test_consumer_group(wrong_lab, ask):
    """The group's offsets, reset to the beginning before the next member comes."""
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

    assert ask("consumer-group").status == "passed"
    failed = ask("consumer-group", member=reset_before_the_third)
    assert failed.status == "failed"
    assert "again after it had committed them: the offsets were lost" in failed.detail


def test_transaction(wrong_lab, ask):
    """The committed record, deleted."""
    assert ask("transaction").status == "passed"
    failed = ask("transaction", SHORT, read=lambda topic, **_: delete_records(wrong_lab, topic))
    assert (failed.status, failed.detail) == ("failed", "the committed record was not read: []")


def test_share_group(wrong_lab, ask):
    """A share group that starts at the end of the log has nothing handed out."""

    def starts_at_the_end(_topic, *_arguments, **_options):
        group = wrong_lab.group
        change = ("--alter", "--entity-type", "groups", "--entity-name", group)
        wrong_lab.tool("kafka-configs.sh", *SERVER, *change, "--add-config", "share.auto.offset.reset=latest")

    assert ask("share-group").status == "passed"
    wrong_lab.group = None
    failed = ask(
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
    """Acknowledged records are deleted while a broker is away; then one voter of three is killed for good."""
    one = make_labctl(tmp_path / "labctl")
    one.spec("name: three\nkafka: {brokers: 3}\nlisteners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n")
    monkeypatch.setenv("XDG_STATE_HOME", one.env["XDG_STATE_HOME"])

    def delete(topic, **_):
        path = one.spec(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": -1}]}), "offsets.json")
        one.tool("kafka-delete-records.sh", *CLUSTER, "--offset-json-file", path, node="broker-1")

    try:
        one.run("up", check=True)
        make_a_topic_where_a_broker_came_late(one.json("status")["endpoints"]["external"])
        with check_runner("three") as ask:
            assert ask("replication").status == "passed"
            failed = ask("replication", read=delete)
        assert failed.status == "failed", failed
        assert re.match(r"of \d+ acknowledged records [1-9]\d* are lost and 0 are duplicated", failed.detail), failed
        assert one.run("check", "quorum").returncode == 0
        pid = json.loads((one.state / "labs/three/nodes/broker-3/pid.json").read_text())["pid"]
        psutil.Process(pid).send_signal(signal.SIGKILL)
        for _ in range(20):
            seen = one.json("check", "quorum")
            if "2 of 3 voters caught up" in seen["checks"][0]["detail"]:
                break
        assert "2 of 3 voters caught up: voter 3 is " in seen["checks"][0]["detail"]
        assert {node["name"]: node["state"] for node in seen["nodes"]}["broker-3"] == "exited"
    finally:
        one.run("down", check=True)
