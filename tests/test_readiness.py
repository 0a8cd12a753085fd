"""The wait until the nodes are ready: timeouts, and nodes that end."""

import pytest

from labctl.errors import NodeDied, ReadinessTimeout
from labctl.kafka.client import Quorum, Voter
from tests.fake_lab import TEXT
from tests.fakes import FakeKafka


def test_a_node_that_crashes_is_restarted_without_its_cache(fake_lab):
    """The lab comes up; the node is restarted once."""
    fake_lab.dies, fake_lab.restartable = {"broker": "SIGSEGV\n"}, ("broker",)
    assert fake_lab.up().status == "passed"
    assert fake_lab.runtime.calls.count(("restart_without_cache", "broker")) == 1


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
