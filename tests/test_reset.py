"""`labctl reset` leaves the plan's topics, new, and nothing else."""

import pytest

from labctl.errors import KafkaFailed, LabStopped
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter


def test_reset_leaves_only_the_plan_s_topics(fake_lab):
    """Other topics, groups and transactions are removed; the plan's topics are new, with their seed records."""
    fake_lab.up()
    fake_lab.kafka.create_topics({"mine": (1, 1, {})})
    fake_lab.kafka.transactions = ["tx"]
    fake_lab.kafka.members = {"busy": 2, "idle": 0}
    assert lifecycle.reset("lab", fake_lab.store, NullReporter()) == [
        *("transaction tx", "group busy", "group idle", "topic mine", "topic orders"),
    ]
    assert list(fake_lab.kafka.topics()) == ["orders"]
    seeds = [value for _key, value in fake_lab.kafka.records["orders"]]
    assert (seeds[0], len(seeds)) == (b"hello, kafka", 3)
    assert (fake_lab.kafka.transactions, fake_lab.kafka.members) == ([], {})


def test_reset_fails_where_another_program_creates_a_topic_again(fake_lab, monkeypatch):
    """A running producer creates it without the lab's settings and seed records."""
    fake_lab.up()
    delete_topics = fake_lab.kafka.delete_topics

    def delete_and_create_again(names):
        delete_topics(names)
        monkeypatch.setattr(fake_lab.kafka, "topics_by_broker", lambda _names: [])
        fake_lab.kafka.created_topics["orders"] = (1, 1, {})

    fake_lab.kafka.delete_topics = delete_and_create_again
    with pytest.raises(KafkaFailed, match="another program created"):
        lifecycle.reset("lab", fake_lab.store, NullReporter())


def test_reset_names_the_group_that_keeps_its_members(fake_lab, monkeypatch):
    """It deletes no topic which the members still read."""
    monkeypatch.setattr("labctl.kafka.reset.GROUP_SECONDS", 0.01)
    fake_lab.up()
    fake_lab.kafka.members = {"stubborn": 1}
    fake_lab.kafka.remove_members = lambda _group: 1
    with pytest.raises(KafkaFailed, match="group stubborn") as failed:
        lifecycle.reset("lab", fake_lab.store, NullReporter())
    assert "end the programs that consume" in failed.value.hint
    assert list(fake_lab.kafka.topics()) == ["orders"]


def test_reset_of_a_stopped_lab_is_an_error(fake_lab):
    """Only a running lab can be reset."""
    fake_lab.up()
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    with pytest.raises(LabStopped, match="only a running lab"):
        lifecycle.reset("lab", fake_lab.store, NullReporter())
