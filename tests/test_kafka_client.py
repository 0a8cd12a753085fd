"""Each call of labctl's Kafka client ends at its timeout, even where kafka-python does not."""

import threading

import pytest
from kafka.protocol.admin import DescribeQuorumResponse

from labctl.errors import AccessDenied, KafkaFailed
from labctl.kafka.client import GroupConsumer, KafkaClient, admin_read
from labctl.system.parallel import run_with_timeout

CLUSTER_AUTHORIZATION_FAILED = 31


@pytest.fixture
def never_set():
    """An event for a call that never returns; it is set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hung_client(never_set, monkeypatch):
    """A client whose calls of the library never return."""
    client = KafkaClient("127.0.0.1:9")
    client.timeout = 0.01
    monkeypatch.setattr(client, "_connected", never_set.wait)
    monkeypatch.setattr(client, "_writer", never_set.wait)
    return client


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("committed_offsets", ("group",)),
        ("create_topics", ({"orders": (1, 1, {})},)),
        ("delete_topics", (["orders"],)),
        ("groups", ()),
        ("produce", ("orders", [(None, b"value")])),
        ("quorum", ()),
    ],
)
def test_a_call_that_never_returns_ends_at_its_timeout(hung_client, method, arguments):
    """The error names the method and the seconds."""
    with pytest.raises(KafkaFailed, match=rf"{method.replace('_', ' ')}: no response within 0 s"):
        getattr(hung_client, method)(*arguments)


def test_a_user_who_may_not_describe_the_quorum_is_reported():
    """Kafka's response has an error in place of partitions."""
    response = DescribeQuorumResponse(error_code=CLUSTER_AUTHORIZATION_FAILED, error_message="no", topics=[], nodes=[])
    with pytest.raises(AccessDenied, match="metadata quorum: ClusterAuthorizationFailedError"):
        admin_read._quorum(response)
    with pytest.raises(KafkaFailed, match="the response has no partition"):
        admin_read._quorum(DescribeQuorumResponse(error_code=0, error_message=None, topics=[], nodes=[]))


def test_a_member_whose_poll_never_returns_ends_at_its_timeout(never_set):
    """The same holds for its commit."""

    class Consumer:
        def poll(self, timeout_ms):
            never_set.wait()

        def commit(self):
            never_set.wait()

    member = GroupConsumer(Consumer(), "g", 0.01)
    for call in (lambda: member.poll(0), member.commit):
        with pytest.raises(KafkaFailed, match="group g: no response within 0 s"):
            call()


def test_a_client_that_can_t_be_closed_is_abandoned(never_set, monkeypatch):
    """kafka-python's close takes up to two minutes without a broker; the next call connects again."""
    monkeypatch.setattr("labctl.kafka.client.adapter.CLOSE_SECONDS", 0.01)

    class Admin:
        def close(self):
            never_set.wait()

    client = KafkaClient("127.0.0.1:9")
    client._admin = Admin()
    client.close()
    assert client._admin is None


def test_run_with_timeout_returns_results_and_raises_errors():
    """It returns what the job returns, and raises what the job raises."""
    assert run_with_timeout(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(lambda: 1 / 0, 5)
