"""The contract of a Kafka client: the real client and the fake client of the unit tests both pass it.

`client` is connected to a Kafka without other users.
"""

from labctl.system.waiting import Deadline, NotReady, wait_until

TOPIC = "contract"
SECONDS = 30


def keeps_the_contract(client):
    """Check topics, records, groups and the quorum as labctl uses them."""
    _describes_the_cluster(client)
    assert client.create_topics({TOPIC: (3, 1, {"retention.ms": "1000000"})}) == [TOPIC]
    assert client.create_topics({TOPIC: (5, 1, {})}) == []
    _wait(lambda: all(names == {TOPIC} for names in client.topics_by_broker([TOPIC])))
    _describes_the_topic(client)
    client.elect_preferred_leaders({TOPIC: [0, 2]})  # they lead already
    _keeps_records(client)
    _changes_settings(client)
    assert "nobody" not in client.groups()
    assert client.delete_groups(["nobody"]) == {}
    assert client.open_transactions() == []
    client.delete_topics([TOPIC])
    _wait(lambda: client.topics([TOPIC]) == {})
    client.delete_topics([TOPIC])
    assert TOPIC not in client.topics()


def _wait(condition):
    def require():
        if not condition():
            raise NotReady("not yet")

    wait_until(require, what="the contract", deadline=Deadline.after(SECONDS))


def _describes_the_cluster(client):
    assert len(client.cluster_id()) == 22
    quorum = client.quorum()
    voters = {voter.id for voter in quorum.voters}
    assert quorum.leader in voters
    assert quorum.problem(voters) == ""
    assert all(view.problem(voters) == "" for view in client.quorum_by_broker().values())
    assert all(address.rpartition(":")[2].isdigit() for address in client.broker_endpoints().values())


def _describes_the_topic(client):
    (partitions,) = client.topics([TOPIC]).values()
    assert [partition.number for partition in partitions] == [0, 1, 2]
    assert [partition.problem(TOPIC) for partition in partitions] == [""] * 3
    assert all(partition.leader in partition.replicas for partition in partitions)
    assert TOPIC in client.topics()
    assert client.topics(["nobody"]) == {}
    assert all(view[TOPIC] == partitions for view in client.topic_views())
    _wait(lambda: client.log_counts(TOPIC, range(3)) == {0: 1, 1: 1, 2: 1})
    assert client.topic_configs([TOPIC, "nobody"])[TOPIC]["retention.ms"] == "1000000"


def _keeps_records(client):
    assert client.produce(TOPIC, [(b"key", b"a"), (None, b"b")], partition=0) == [(0, 0), (0, 1)]
    assert client.offset_ranges({TOPIC: {0, 1}}) == {TOPIC: {0: (0, 2), 1: (0, 0)}}


def _changes_settings(client):
    assert "nobody" not in client.topic_configs(["nobody", TOPIC])
    client.alter_settings({("topic", TOPIC): {"retention.ms": "2000000"}})
    _wait(lambda: client.topic_configs([TOPIC])[TOPIC]["retention.ms"] == "2000000")
    client.add_partitions({TOPIC: 4})
    _wait(lambda: len(client.topics([TOPIC])[TOPIC]) == 4)
    broker = min(client.broker_endpoints())
    assert "log.retention.ms" in client.dynamic_settings(broker)
    assert "node.id" not in client.dynamic_settings(broker)
    for value in ("5", None):
        client.alter_settings({("broker", ""): {"log.retention.ms": value}})
        _wait(lambda wanted=value: all(now.get("log.retention.ms") == wanted for now in client.settings_by_broker()))
