"""The brokers that the lab page asks: those that respond."""

import pytest

from labctl.errors import KafkaFailed
from labctl.webui.page.live_kafka import LiveKafka
from tests.fake_kafka import FakeKafka, closed_port, listening
from tests.fakes import a_plan


class Plan:
    """Two brokers at these addresses."""

    def __init__(self, *addresses):
        self.host_addresses = addresses
        self.brokers = a_plan("name: lab\nkafka: {brokers: 3}\n").brokers[: len(addresses)]


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
    kafka = LiveKafka(Plan(one, two), {})
    both = kafka.look()
    assert (both.brokers, both.client.addresses) == ({1, 2}, (one, two))
    assert kafka.look() is both
    first.silent = True
    alone = kafka.look()
    assert (alone.brokers, alone.client.addresses, alone.quorum_client.addresses) == ({2}, (two,), (two,))
    first.silent = False
    assert kafka.look().brokers == {1, 2}
    kafka.close()


def test_no_broker_responds():
    """The error has the reason of each."""
    with closed_port() as port, pytest.raises(KafkaFailed, match=rf"broker 1: nothing listens on port {port} of local"):
        LiveKafka(Plan(f"localhost:{port}"), {}).look()
