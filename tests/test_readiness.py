"""The wait until the nodes are ready: timeouts, and nodes that end."""

import pytest

from labctl.errors import KafkaFailed, NodeDied, ReadinessTimeout
from labctl.kafka.client import Quorum, Voter
from labctl.kafka.server_log import is_ending
from tests.fake_lab import TEXT
from tests.fakes import FakeKafka


def test_a_node_that_crashes_is_restarted_without_its_cache(fake_lab):
    """The lab comes up; the node is restarted once."""
    fake_lab.dies, fake_lab.restartable = {"broker": "SIGSEGV\n"}, ("broker",)
    assert fake_lab.up().status == "passed"
    assert fake_lab.runtime.calls.count(("start_again", "broker")) == 1


def test_a_node_that_dies_ends_up_with_its_reason(fake_lab):
    """The error has the known cause from the log. The lab is removed, its report stays."""
    fake_lab.dies = {"broker": "SEVERE x\norg.apache.kafka.common.config.ConfigException: Invalid value x for y\n"}
    with pytest.raises(NodeDied, match="Kafka rejected a setting: Invalid value x for y"):
        fake_lab.up()
    assert fake_lab.runtime.calls[-1] == "down"
    assert fake_lab.store.names() == []
    report = fake_lab.last_report()
    assert report["status"] == "error"
    assert "Invalid value x" in report["diagnosis"][0]["cause"]


def test_a_timeout_names_the_layer(fake_lab):
    """The error has the layer, what was expected and the last observation. The lab is removed."""
    fake_lab.refuses = {"quorum": "no answer from broker 1"}
    with pytest.raises(
        ReadinessTimeout, match=r"layer quorum: expected a leader and 1 voters .* no answer from broker 1"
    ):
        fake_lab.up()
    assert fake_lab.store.names() == []


def test_a_node_with_another_quorum_is_named(fake_lab, monkeypatch):
    """Each broker reports its quorum: the error names the broker whose quorum differs."""
    monkeypatch.setattr(
        FakeKafka,
        "quorum_by_broker",
        lambda self: {"a": self.quorum(), "b": self.quorum(), "c": Quorum(3, (Voter(3, 0, True),))},
    )
    with pytest.raises(
        ReadinessTimeout, match=r"expected a leader and 3 voters.*the voters are \[3\], as broker-3 reports"
    ):
        fake_lab.up(TEXT + "kafka: {brokers: 3}\n")


def test_a_node_that_ends_while_the_lab_is_filled_is_started_again(fake_lab, monkeypatch):
    """Somebody stopped it just before this `up`: topics and checks are done again, once."""
    fake_lab.up()
    create_topics = fake_lab.kafka.create_topics

    def end_broker(_topics):
        monkeypatch.setattr(fake_lab.kafka, "create_topics", create_topics)
        fake_lab.runtime.running.clear()
        raise KafkaFailed("no response")

    monkeypatch.setattr(fake_lab.kafka, "create_topics", end_broker)
    monkeypatch.setattr(fake_lab.runtime, "restartable", ("broker",))
    run = fake_lab.up()
    assert run.status == "passed"
    assert run.diagnosis == ()
    assert [step.status for step in run.steps if step.name == "topics"] == ["passed"]


def test_a_failure_while_all_nodes_run_is_reported(fake_lab, monkeypatch):
    """Nothing is done again then."""
    fake_lab.up()
    monkeypatch.setattr(fake_lab.kafka, "refuses", {"create_topics": "no response"})
    with pytest.raises(KafkaFailed, match="no response"):
        fake_lab.up()


@pytest.mark.parametrize(
    ("log", "ending"),
    [
        ("", False),
        ("INFO Registered signal handlers for TERM, INT, HUP\n", False),
        ("INFO Registered signal handlers for TERM\nINFO Terminating process due to signal SIGTERM\n", True),
        ("INFO Terminating process due to signal SIGTERM\nINFO Registered signal handlers for TERM\n", False),
        ("INFO Terminating process due to signal SIGTERM\n", True),
    ],
)
def test_a_node_that_is_about_to_end_is_known_by_its_log(log, ending):
    """What it logged before its last start does not count."""
    assert is_ending(log) is ending
