"""Whether Kafka can create the topics that groups and transactions need."""

from typing import Any

import pytest

from labctl.checks import selected
from labctl.errors import KafkaFailed
from labctl.lab.internal_topics import examine_internal_topics

OFFSETS, TRANSACTIONS = "offsets.topic.replication.factor", "transaction.state.log.replication.factor"


class Client:
    """What a Kafka has: its internal topics and its settings; None: it does not say."""

    def __init__(self, existing=(), settings=None):
        self.existing, self.settings = existing, settings

    def topics(self, names):
        return {name: () for name in names if name in self.existing}

    def broker_config(self, _broker):
        if self.settings is None:
            raise KafkaFailed("not allowed")
        return self.settings


@pytest.mark.parametrize(
    ("client", "brokers", "wanted", "status", "detail", "unusable"),
    [
        (Client(settings={OFFSETS: "3", TRANSACTIONS: "1"}), [1], ["consumer-group"], "failed", "groups can't work", 1),
        (Client(settings={OFFSETS: "1", TRANSACTIONS: "3"}), [1], ["transaction"], "failed", "transactions can't", 1),
        (Client(settings={OFFSETS: "1", TRANSACTIONS: "3"}), [1], ["consumer-group"], "passed", f"{OFFSETS} is 1", 0),
        (Client(settings={OFFSETS: "3"}), [1, 2], ["consumer-group"], "failed", "and there are 2 brokers", 1),
        (Client(settings={OFFSETS: "3"}), [1, 2, 3], ["consumer-group"], "passed", f"{OFFSETS} is 3", 0),
        (Client(["__consumer_offsets"]), [1], ["consumer-group"], "passed", "__consumer_offsets exists", 0),
        (Client(), [1], ["consumer-group"], "skipped", "not known: not allowed", 0),
        (Client(), [1], ["json-records"], "passed", "not needed", 0),
    ],
)
def test_enough_brokers_for_the_replicas(client, brokers, wanted, status, detail, unusable):
    """A topic that exists needs nothing; only those that the wanted checks need are examined."""
    found = examine_internal_topics(client, brokers, selected("full", wanted))
    assert (found.result.status, len(found.unusable & set(wanted))) == (status, unusable)
    assert detail in found.result.detail
    assert (found.cause is not None) == (status == "failed")


def test_all_that_is_missing_is_named_with_its_variables():
    """One run names both."""
    client: Any = Client(settings={OFFSETS: "3", TRANSACTIONS: "3"})
    found = examine_internal_topics(client, [1], selected("full"))
    assert (
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR and KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"
        in found.cause.remedy
    )
    assert f"{OFFSETS} and {TRANSACTIONS} to 1" in found.cause.remedy
