"""Waiting for an effect in a Kafka that refuses meanwhile."""

import pytest

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.kafka.waiting import wait_for_kafka
from labctl.system.waiting import Deadline, NotReady
from tests.fake_lab import pass_time


class Client:
    """Counts how often its connections are closed."""

    closed = 0

    def close(self):
        self.closed += 1


def wait_until_ready(client, probe, seconds):
    return wait_for_kafka(client, probe, what="expected a leader", deadline=Deadline.after(seconds))


@pytest.mark.parametrize(("error", "closed"), [(KafkaFailed("no response"), 1), (NotReady("no leader"), 0)])
def test_a_refusal_is_waited_out(monkeypatch, error, closed):
    """After one of Kafka's the client connects again: the broker may have ended."""
    pass_time(monkeypatch)
    answers = [error, None]
    client = Client()

    def probe():
        if answer := answers.pop(0):
            raise answer
        return "leader 2"

    assert wait_until_ready(client, probe, 60) == "leader 2"
    assert client.closed == closed


def test_a_wait_ends_with_the_last_refusal():
    """With what was expected, too."""

    def probe():
        raise KafkaFailed("no response from broker 1")

    with pytest.raises(ReadinessTimeout, match=r"expected a leader: .* last observed: no response from broker 1"):
        wait_until_ready(Client(), probe, 0)
