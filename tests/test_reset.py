"""`labctl reset` leaves the plan's topics, new, and nothing else."""

from itertools import count

import pytest

from labctl.errors import KafkaFailed, LabStopped
from labctl.kafka.client import Quota
from labctl.kafka.reset import removed_lines
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter


def test_reset_leaves_only_the_plan_s_topics(fake_lab):
    """What others made is removed; the plan's topics are new, with their seed records."""
    fake_lab.up()
    kafka = fake_lab.kafka
    kafka.create_topics({"mine": (1, 1, {})})
    kafka.transactions = ["tx"]
    kafka.members = {"busy": 2, "idle": 0}
    kafka.settings = {("broker", ""): ("log.retention.ms",), ("group", "idle"): ("share.auto.offset.reset",)}
    kafka.client_quotas = [Quota((("user", None), ("client-id", "app")), (("producer_byte_rate", 2048.0),))]
    assert lifecycle.reset("lab", fake_lab.store, NullReporter()) == {
        "transaction": ["tx"],
        "group": ["busy", "idle"],
        "topic": ["mine", "orders"],
        "setting": ["log.retention.ms of all brokers", "share.auto.offset.reset of group idle"],
        "quota": ["of user default and client-id app"],
        "user": [],
        "ACL": [],
    }
    assert list(kafka.topics()) == ["orders"]
    seeds = [value for _key, value in kafka.records["orders"]]
    assert (seeds[0], len(seeds)) == (b"hello, kafka", 3)
    assert (kafka.transactions, kafka.members, kafka.settings, kafka.client_quotas) == ([], {}, {}, [])


def test_what_was_removed_has_one_line_for_each_kind():
    """A lab may have had thousands of topics."""
    removed = {"group": ["g"], "topic": [f"t{number}" for number in range(1000)], "quota": []}
    assert removed_lines(removed) == ["1 group: g", "1,000 topics: t0, t1, t2, t3, t4 and 995 more"]


def test_reset_fails_where_a_program_creates_a_topic_again_and_again(fake_lab, monkeypatch):
    """A running producer creates it without the lab's settings and seed records; the program is named."""
    monkeypatch.setattr("labctl.kafka.reset.WRITER_SECONDS", 0.01)
    monkeypatch.setattr("labctl.lab.lifecycle.connected_programs", lambda *_: ["python3, pid 7, from 127.0.0.1:8"])
    fake_lab.up()
    delete_topics = fake_lab.kafka.delete_topics

    def delete_and_create_again(names):
        delete_topics(names)
        fake_lab.kafka.created_topics["orders"] = (1, 1, {})

    numbers = count()
    monkeypatch.setattr(fake_lab.kafka, "topic_ids", lambda: {"orders": f"id {next(numbers)}"})
    fake_lab.kafka.delete_topics = delete_and_create_again
    with pytest.raises(KafkaFailed, match=r"a program creates orders again .*: python3, pid 7, from"):
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
