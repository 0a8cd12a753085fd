"""Records between files and topics: load, dump."""

import hashlib
import json
import signal
import time

import pytest

from labctl.kafka.client import KafkaClient
from labctl.records.json_lines import format_record
from labctl.records.record import RecordData
from tests.integration.labs import lab_yaml

pytestmark = pytest.mark.local

NASTY = [
    RecordData(b'{"orderid":1001,"amount":599.99}', b"c1", (("trace", b"abc"), ("trace", None)), 1_700_000_000_000, 0),
    RecordData(None, b"c1", (), 1_700_000_000_001, 0),
    RecordData(None, None, (), 1_700_000_000_002, 0),
    RecordData(b"", b"", (("empty", b""),), 1, 1),
    RecordData(b"\x00\xff\n", b"\xfe", (("binary", b"\xff"), ("грн", "€".encode())), 1_700_000_000_003, 1),
    RecordData(b"two\nlines, \xe2\x80\xa8 and 1.10", None, (), 1_699_999_999_999, 2),
    RecordData(b"x" * 900_000, b"large", (), 1_700_000_000_004, 2),
]
SERVER = ("--bootstrap-server", "localhost:9092")


def create(lab, topic, partitions=3):
    """Create a topic, whose records may be of any age, with Kafka's own tool."""
    config = ("--config", "retention.ms=-1")
    lab.tool("kafka-topics.sh", "--create", "--topic", topic, "--partitions", str(partitions), *config, *SERVER)


def sha256(path):
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.gate
def test_what_was_dumped_and_loaded_is_dumped_again(shared):
    """Keys, headers, timestamps, partitions, nulls and binary are the same; Kafka's own consumer reads the records."""
    create(shared, "first")
    create(shared, "second")
    source = shared.folder / "nasty.jsonl"
    source.write_text("".join(f"{format_record(record)}\n" for record in NASTY))
    loaded = shared.json("load", "first", source)
    assert loaded["records"] == len(NASTY)
    shared.run("dump", "first", "-o", "first.jsonl", check=True)
    assert sha256(shared.folder / "first.jsonl") == sha256(source)
    shared.run("load", "second", "first.jsonl", check=True)
    assert shared.run("dump", "second").stdout == source.read_text()
    shown = "print.key=true,print.headers=true,print.timestamp=true".split(",")
    options = [option for text in shown for option in ("--formatter-property", text)]
    limits = ("--partition", "0", "--offset", "earliest", "--max-messages", "1", "--timeout-ms", "20000")
    read = shared.tool("kafka-console-consumer.sh", "--topic", "second", *SERVER, *options, *limits)
    assert read.stdout.strip().split("\t") == [
        "CreateTime:1700000000000",
        "trace:abc,trace:null",
        "c1",
        '{"orderid":1001,"amount":599.99}',
    ]


def test_csv_text_and_standard_input(shared):
    """The name of the file says the format; the key decides the partition as Kafka's own producer does."""
    create(shared, "formats")
    (shared.folder / "orders.csv").write_text("key,orderid\nc1,1001\nc2,1002\n")
    (shared.folder / "lines.txt").write_text("hello\n")
    shared.run("load", "formats", "orders.csv", check=True)
    shared.run("load", "formats", "lines.txt", check=True)
    shared.run("load", "formats", "-", "--format", "jsonl", input='{"value": [1, 2]}\n', check=True)
    records = [json.loads(line) for line in shared.run("dump", "formats").stdout.splitlines()]
    values = sorted((record["key"] or "", str(record["value"])) for record in records)
    assert values == [("", "[1, 2]"), ("", "hello"), ("c1", "{'orderid': '1001'}"), ("c2", "{'orderid': '1002'}")]
    lines = "c1\tof Kafka\nc2\tof Kafka\n"
    options = ("--reader-property", "parse.key=true")
    shared.tool("kafka-console-producer.sh", "--topic", "formats", *SERVER, *options, input=lines)
    again = [json.loads(line) for line in shared.run("dump", "formats").stdout.splitlines()]
    places = {key: {record["partition"] for record in again if record["key"] == key} for key in ("c1", "c2")}
    assert [len(found) for found in places.values()] == [1, 1]


def test_a_part_of_a_topic(shared):
    """From and to an offset or a time, and what arrives later with --follow."""
    create(shared, "parts", 1)
    lines = [f'{{"value": "{number}", "timestamp": {1_700_000_000_000 + number * 1000}}}\n' for number in range(10)]
    shared.run("load", "parts", "-", "--format", "jsonl", input="".join(lines), check=True)

    def values(*options):
        return [
            json.loads(line)["value"]
            for line in shared.run("dump", "parts", *options, check=True).stdout.split("\n")
            if line
        ]

    assert values("--from", "7") == ["7", "8", "9"]
    assert values("--to", "2") == ["0", "1"]
    assert values("--from", "2023-11-14T22:13:28Z", "--to", "2023-11-14T22:13:29+00:00") == ["8"]
    assert values("--from", "10m") == []
    follower = shared.start("dump", "parts", "--from", "9", "--follow")
    assert json.loads(follower.stdout.readline())["value"] == "9"
    shared.run("load", "parts", "-", input="later\n", check=True)
    assert json.loads(follower.stdout.readline())["value"] == "later"
    follower.send_signal(signal.SIGINT)
    assert follower.wait(20) == 0


def test_traffic(shared):
    """So many orders a second for so long, or until Ctrl-C; each acknowledged one is there."""
    create(shared, "traffic")
    done = shared.json("traffic", "traffic", "--rate", "200", "--for", "2s")
    assert (done["sent"], done["acknowledged"], done["failed"]) == (400, 400, 0)
    assert 0 < done["latency"]["median"] <= done["latency"]["p99"] <= done["latency"]["max"]
    orders = [json.loads(line) for line in shared.run("dump", "traffic").stdout.splitlines()]
    assert len(orders) == 400
    assert all(order["key"] == order["value"]["customer"] for order in orders)
    endless = shared.start("traffic", "traffic", "--rate", "50")
    follower = shared.start("dump", "traffic", "--from", "1s", "--follow")
    assert json.loads(follower.stdout.readline())["value"]["orderid"] > 1000
    for process in (endless, follower):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert " records to traffic in " in endless.stdout.read()
    assert shared.run("traffic", "traffic", "--for", "1 hour").returncode == 2


def test_records_that_kafka_deletes_again(shared):
    """orders keeps records for a week: who loads older ones must know."""
    old = '{"value": "old", "timestamp": 1}\n{"value": "new"}\n'
    loaded = shared.run("load", "orders", "-", "--format", "jsonl", input=old, check=True)
    assert "older than the retention.ms of orders: 1 record, which Kafka may delete" in loaded.stderr
    create(shared, "kept")
    loaded = shared.run("load", "kept", "-", "--format", "jsonl", input=old, check=True)
    assert "retention" not in loaded.stderr


def test_what_can_not_be_loaded(shared):
    """One sentence each, with the place; nothing is written where a file has an error."""
    create(shared, "refused")
    (shared.folder / "bad.jsonl").write_text('{"value": 1}\n{"value": 1, "partition": 3}\nx\n')
    bad = shared.run("load", "refused", "bad.jsonl")
    assert bad.returncode == 2
    assert "bad.jsonl:2: partition 3: the topic has 3, from 0 to 2\nbad.jsonl:3: is no JSON" in bad.stderr
    assert shared.run("dump", "refused").stdout == ""
    missing = shared.run("load", "no-such-topic", "bad.jsonl")
    assert (missing.returncode, "has no topic no-such-topic" in missing.stderr) == (4, True)
    assert shared.run("load", "refused", "absent.jsonl").returncode == 2
    huge = shared.run("load", "refused", "-", input=f"{'x' * 12_000_000}\n")
    assert (huge.returncode, "stdin:1: can't be written" in huge.stderr) == (4, True)
    large = shared.run("load", "refused", "-", input=f"small\n{'x' * 2_000_000}\n")
    assert large.returncode == 4
    assert "stdin:2: can't be written to refused: Broker: Message size too large" in large.stderr
    piped = shared.run("load", "refused", "-", "--format", "jsonl", input='{"value": "before"}\nx\n')
    assert piped.returncode == 2
    assert "stdin:2: is no JSON" in piped.stderr
    assert "records before it that were written: 1" in piped.stderr


def test_what_was_aborted_is_not_dumped(shared):
    """Nor are the markers of transactions, which are the last thing in the partition."""
    create(shared, "transactions", 1)
    with KafkaClient(shared.bootstrap) as client:
        client.produce_transactions("transactions", "tx", [(b"kept", True), (b"aborted", False), (b"also", True)])
    lines = shared.run("dump", "transactions").stdout.splitlines()
    assert [json.loads(line)["value"] for line in lines] == ["kept", "also"]


def test_a_batch_with_a_refused_record(shared):
    """Kafka does not say which one has a wrong timestamp: the message has the place of the batch."""
    config = ("--config", "message.timestamp.after.max.ms=1000")
    shared.tool("kafka-topics.sh", "--create", "--topic", "strict", "--partitions", "1", *config, *SERVER)
    lines = [f'{{"value": {number}}}\n' for number in range(20)]
    lines[12] = '{"value": 12, "timestamp": 4000000000000}\n'
    refused = shared.run("load", "strict", "-", "--format", "jsonl", input="".join(lines))
    assert refused.returncode == 4
    assert "stdin:1 to 20: can't be written to strict: Broker: Invalid timestamp" in refused.stderr


def test_a_secure_lab(labctl):
    """labctl logs in by itself, to a lab of three brokers too."""
    labctl.spec(lab_yaml("secure"))
    labctl.run("up", "--checks", "none", check=True)
    labctl.run("load", "orders", "-", input="hello\n" * 1000, check=True)
    assert labctl.run("dump", "orders", check=True).stdout.count('"hello"') == 1000


def test_a_broker_that_ends_loses_and_doubles_nothing(labctl):
    """A load goes on while the leader of partitions is killed and started again."""
    labctl.spec(lab_yaml("cluster"))
    labctl.run("up", "--checks", "none", check=True)
    labctl.tool(
        "kafka-topics.sh", "--create", "--topic", "many", "--bootstrap-server", "broker-1:9092", node="broker-1"
    )
    (labctl.folder / "many.txt").write_text("".join(f"{number}\n" for number in range(300_000)))
    load = labctl.start("load", "many", "many.txt")
    time.sleep(1)
    labctl.run("node", "kill", "broker-2", check=True)
    labctl.run("node", "start", "broker-2", check=True)
    _, errors = load.communicate(timeout=120)
    assert load.returncode == 0, errors
    lines = labctl.run("dump", "many", check=True).stdout.splitlines()
    assert sorted(int(json.loads(line)["value"]) for line in lines) == list(range(300_000))
