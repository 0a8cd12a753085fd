"""labctl's Kafka client ends at its deadlines, whatever the library does."""

import threading

import pytest

from labctl.errors import KafkaFailed
from labctl.kafka.client import GroupConsumer, KafkaClient
from labctl.system.parallel import run_with_timeout


@pytest.fixture
def never():
    """What a call waits for that never returns; released when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hung(never, monkeypatch):
    """A client whose library never returns."""
    client = KafkaClient("127.0.0.1:9")
    client.timeout = 0.01
    monkeypatch.setattr(client, "_connected", never.wait)
    monkeypatch.setattr(client, "_writer", never.wait)
    return client


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("committed_offsets", ("group",)),
        ("create_topics", ({"orders": (1, 1, {})},)),
        ("delete_topics", (["orders"],)),
        ("groups", ()),
        ("produce", ("orders", [(None, b"value")])),
        ("quorum", ()),
    ],
)
def test_a_call_that_never_returns_ends_at_its_deadline(hung, verb, arguments):
    """Named by the verb, with the seconds."""
    with pytest.raises(KafkaFailed, match=rf"{verb.replace('_', ' ')}: no response within 0 s"):
        getattr(hung, verb)(*arguments)


def test_a_member_whose_poll_never_returns_ends_at_its_deadline(never):
    """The same for a member of a group, and for its commit."""

    class Consumer:
        def poll(self, timeout_ms):
            never.wait()

        def commit(self):
            never.wait()

    member = GroupConsumer(Consumer(), "g", 0.01)
    for question in (lambda: member.poll(0), member.commit):
        with pytest.raises(KafkaFailed, match="group g: no response within 0 s"):
            question()


def test_a_client_that_can_t_be_closed_is_left_behind(never, monkeypatch):
    """kafka-python's close takes up to two minutes where a broker is gone; the next verb connects anew."""
    monkeypatch.setattr("labctl.kafka.client.adapter.CLOSE_SECONDS", 0.01)

    class Admin:
        def close(self):
            never.wait()

    client = KafkaClient("127.0.0.1:9")
    client._admin = Admin()
    client.close()
    assert client._admin is None


def test_in_time_hands_over_answers_and_errors():
    """What the job gives, and what it raises."""
    assert run_with_timeout(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(lambda: 1 / 0, 5)
