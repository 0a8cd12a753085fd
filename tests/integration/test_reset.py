"""`labctl reset`: a lab as new, without a restart."""

import subprocess
import sys
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from labctl.system.connected import connected_programs
from tests.integration.polling import wait_for

pytestmark = pytest.mark.local

LAB = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
SEED_RECORDS = [b"hello, kafka", b'{"orderid":1001,"amount":599.99}', b'{"orderid":1002,"amount":300}']


@pytest.fixture
def used(labctl):
    """A lab with another topic and an open transaction."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    bootstrap = labctl.json("status")["endpoints"]["external"]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic("mine", 2, 1)])["mine"].result(10)
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "left-open"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("orders", b"never committed", partition=0)
    producer.flush(10)
    yield labctl, bootstrap, admin
    del producer, admin


def member(bootstrap, group, protocol):
    """Return a consumer that has its partitions."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["orders"])

    def assignment():
        consumer.poll(0.1)
        return consumer.assignment()

    wait_for(assignment)
    return consumer


def test_reset_removes_what_was_in_the_lab(used, record_property):
    """Topics, groups and transactions are removed, the seed records are written again, and the nodes keep running."""
    labctl, bootstrap, admin = used
    consumer = member(bootstrap, "live", "classic")
    member(bootstrap, "left", "consumer").close()
    before = labctl.json("status")["nodes"]
    began = time.monotonic()
    done = labctl.json("reset")
    record_property("seconds", f"{time.monotonic() - began:.2f}")
    assert set(done["removed"]) == {"transaction left-open", "group live", "group left", "topic mine", "topic orders"}
    assert admin.list_consumer_groups().result(10).valid == []
    assert {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")} == {"orders"}
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "r", "isolation.level": "read_committed"})
    reader.assign([TopicPartition("orders", number, 0) for number in range(3)])
    assert [message.value() for message in reader.consume(3, timeout=30)] == SEED_RECORDS
    assert reader.consume(1, timeout=1) == []
    reader.close()
    after = labctl.json("status")["nodes"]
    assert [(node["name"], node["id"]) for node in before] == [(node["name"], node["id"]) for node in after]
    assert labctl.json("check", "transaction", "consumer-group", "topics")["status"] == "passed"
    consumer.close()


def test_a_group_that_can_t_be_emptied_is_reported(used):
    """`reset` exits with 4 where a group has a member of the new protocol, gives the remedy, and keeps the topics."""
    labctl, bootstrap, admin = used
    consumer = member(bootstrap, "newcomer", "consumer")
    refused = labctl.run("reset")
    assert refused.returncode == 4
    assert "group newcomer" in refused.stderr
    assert "end the programs that consume" in refused.stderr
    assert "mine" in admin.list_topics(timeout=10).topics
    consumer.close()
    assert "1 group: newcomer" in labctl.run("reset", check=True).stderr


WRITER = """
import sys
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
producer = Producer({"bootstrap.servers": sys.argv[1]})
while True:
    try:
        admin.create_topics([NewTopic("orders", 3, 1)])["orders"].result(10)
    except Exception:
        pass
    producer.produce("orders", b"again")
    producer.poll(0)
"""


def test_reset_while_a_program_writes(used):
    """`reset` waits it out, or says which program creates the topic again: never a traceback, never half a reset."""
    labctl, bootstrap, _admin = used
    program = subprocess.Popen([sys.executable, "-c", WRITER, bootstrap], stderr=subprocess.DEVNULL)
    port = int(bootstrap.rpartition(":")[2])
    try:
        wait_for(
            lambda: f"pid {program.pid}, from 127.0.0.1:" in " ".join(connected_programs({("127.0.0.1", port)}, ()))
        )
        for _ in range(5):
            done = labctl.run("reset", timeout=60)
            named = f"pid {program.pid}, from 127.0.0.1:" in done.stderr and "end the programs" in done.stderr
            assert done.returncode == 0 or named, done.stderr
    finally:
        program.kill()
        program.wait()
    labctl.run("reset", check=True)
    labctl.run("check", "topics", check=True)


def described(labctl, *arguments):
    """Return what kafka-configs.sh says, without its headings."""
    lines = labctl.tool("kafka-configs.sh", *BROKER, "--describe", *arguments).stdout.splitlines()
    return [line.strip() for line in lines if "=" in line and not line.startswith("Dynamic")]


BROKER = ("--bootstrap-server", "broker:9092")
CHANGES = {
    ("--entity-type", "brokers", "--entity-default"): "log.cleaner.backoff.ms=14000",
    ("--entity-type", "brokers", "--entity-name", "1"): "log.flush.interval.ms=5000",
    ("--entity-type", "groups", "--entity-name", "mine"): "consumer.session.timeout.ms=46000",
    ("--entity-type", "client-metrics", "--entity-name", "mine"): "interval.ms=5000",
    ("--entity-type", "clients", "--entity-name", "slow"): "producer_byte_rate=2048",
    ("--entity-type", "clients", "--entity-default"): "consumer_byte_rate=4096",
    ("--entity-type", "ips", "--entity-name", "10.0.0.1"): "connection_creation_rate=3",
}
MIN_ISR = ("--entity-type", "brokers", "--entity-default")


def test_reset_removes_changed_settings_and_quotas(labctl):
    """What somebody changed while Kafka runs is as Kafka had it, as Kafka's own tool says; one line for each kind."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    new = {of: described(labctl, *of) for of in CHANGES}
    for of, change in CHANGES.items():
        labctl.tool("kafka-configs.sh", *BROKER, "--alter", *of, "--add-config", change)
    labctl.tool("kafka-configs.sh", *BROKER, "--alter", *MIN_ISR, "--add-config", "min.insync.replicas=3")
    assert all(described(labctl, *of) != new[of] for of in CHANGES)
    done = labctl.run("reset", check=True)
    assert {of: described(labctl, *of) for of in CHANGES} == new
    assert "5 settings: " in done.stderr
    assert "3 quotas: " in done.stderr
    assert labctl.run("check", check=True).returncode == 0
    again = labctl.json("reset")["removed"]
    assert again == ["topic orders"]


def test_reset_removes_the_changed_settings_of_each_broker(labctl):
    """A broker refuses changes of another one's settings: each is asked itself."""
    labctl.spec(LAB + "kafka: {brokers: 3}\n")
    labctl.run("up", check=True)
    server = ("--bootstrap-server", "broker-1:9092")
    for broker in ("2", "3"):
        of = ("--entity-type", "brokers", "--entity-name", broker)
        change = ("--alter", *of, "--add-config", "log.flush.interval.ms=5000")
        labctl.tool("kafka-configs.sh", *server, *change, node="broker-1")
    done = labctl.run("reset", check=True)
    assert "2 settings: log.flush.interval.ms of broker 2, log.flush.interval.ms of broker 3" in done.stderr
    assert [text for text in labctl.json("reset")["removed"] if text.startswith("setting")] == []


def test_reset_removes_users_and_acls_of_others(labctl):
    """Those of lab.yaml stay, with their own passwords, and `check` passes."""
    labctl.spec(LAB + "security: {protocol: sasl_ssl}\n")
    labctl.run("up", check=True)
    admin = (*BROKER, "--command-config", "/etc/kafka/secrets/admin.properties")
    before = [labctl.tool(tool, *admin, *arguments).stdout for tool, *arguments in LOGINS]
    other = ("--entity-type", "users", "--entity-name", "other")
    labctl.tool("kafka-configs.sh", *admin, "--alter", *other, "--add-config", "SCRAM-SHA-512=[password=secret-other]")
    changed = ("--entity-type", "users", "--entity-name", "student")
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        labctl.tool("kafka-configs.sh", *admin, "--alter", *changed, "--add-config", f"{mechanism}=[password=another]")
    assert labctl.run("check", "security").returncode == 1
    for principal in ("User:other", "User:student"):
        acl = ("--allow-principal", principal, "--operation", "Delete", "--topic", "orders")
        labctl.tool("kafka-acls.sh", *admin, "--add", *acl)
    done = labctl.run("reset", check=True)
    assert "2 users: other (SCRAM-SHA-512), student (SCRAM-SHA-256)" in done.stderr
    assert "2 ACLs: allow other delete topic orders, allow student delete topic orders" in done.stderr
    assert [labctl.tool(tool, *admin, *arguments).stdout for tool, *arguments in LOGINS] == before
    labctl.run("check", "security", check=True)


LOGINS = (
    ("kafka-configs.sh", "--describe", "--entity-type", "users"),
    ("kafka-acls.sh", "--list", "--topic", "orders"),
)
