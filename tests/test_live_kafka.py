"""The brokers that the lab page asks: those that respond."""

from types import SimpleNamespace
from typing import Any

import pytest

from labctl.errors import KafkaFailed
from labctl.webui.page.live_kafka import LiveKafka
from tests.fake_kafka import FakeKafka, closed_port, listening


def live(*addresses):
    """Return the page's Kafka for brokers at these addresses."""
    found = dict(enumerate(addresses, start=1))
    plan: Any = SimpleNamespace(
        host_addresses=found, host_bootstrap=lambda brokers: ",".join(found[broker] for broker in sorted(brokers))
    )
    return LiveKafka(plan, {})


@pytest.fixture
def brokers():
    """Yield two brokers, and where they listen."""
    first, second = FakeKafka(), FakeKafka()
    with listening(first) as one, listening(second) as two:
        yield first, second, one, two


def test_only_brokers_that_respond_are_asked(brokers, monkeypatch):
    """A client is kept as long as the same brokers respond; one that is frozen or resumed makes it a new one."""
    monkeypatch.setattr("labctl.webui.page.live_kafka.LOOK_SECONDS", 0.2)
    first, _second, one, two = brokers
    kafka = live(one, two)
    both = kafka.look()
    assert both.brokers == {1, 2}
    assert both.client.addresses == (one, two)
    assert kafka.look() is both
    first.silent = True
    alone = kafka.look()
    assert alone.brokers == {2}
    assert alone.client.addresses == alone.quorum_client.addresses == (two,)
    first.silent = False
    assert kafka.look().brokers == {1, 2}
    kafka.close()


def test_no_broker_responds():
    """The error has the reason of each."""
    with closed_port() as port, pytest.raises(KafkaFailed, match=rf"broker 1: nothing listens on port {port} of local"):
        live(f"localhost:{port}").look()
