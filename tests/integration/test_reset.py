"""`labctl reset`: a lab as new, without a restart."""

import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

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
    assert "group newcomer" in labctl.run("reset", check=True).stderr
