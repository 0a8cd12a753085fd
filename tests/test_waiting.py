import pytest

from labctl.errors import NodeDied, ReadinessTimeout
from labctl.system.waiting import Deadline, NotReady, retry, wait_until
from tests.fake_lab import pass_time


def test_a_probe_is_repeated_until_it_succeeds(monkeypatch):
    """NotReady means another attempt; the number of attempts is reported."""
    outcomes = [NotReady("no"), NotReady("no"), "yes"]
    pauses = pass_time(monkeypatch)

    def probe():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    waited = wait_until(probe, what="it", deadline=Deadline.after(5))
    assert (waited.result, waited.attempts, len(pauses)) == ("yes", 3, 2)


def test_a_fatal_error_ends_the_wait_at_once(monkeypatch):
    """An exited node ends the wait without a pause."""
    pauses = pass_time(monkeypatch)

    def probe():
        raise NodeDied("gone")

    with pytest.raises(NodeDied, match="gone"):
        wait_until(probe, what="it", deadline=Deadline.after(5))
    assert pauses == []


def test_a_timeout_reports_the_last_observation():
    """The message has what was waited for, how long, and the last observation."""
    observations = iter(f"{n} of 3" for n in range(1000))

    def probe():
        raise NotReady(next(observations))

    with pytest.raises(ReadinessTimeout, match=r"quorum: timed out after 0 s; last observed: 0 of 3") as late:
        wait_until(probe, what="quorum", deadline=Deadline.after(0))
    assert late.value.exit_code == 4


def test_retry_ends_with_the_last_error(monkeypatch):
    """A download is attempted a few times, with a longer pause each time."""
    pauses = pass_time(monkeypatch)

    def action():
        raise NotReady(f"attempt {len(pauses) + 1}")

    with pytest.raises(NotReady, match="attempt 3"):
        retry(action, attempts=3)
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_deadline_can_be_shortened_never_lengthened():
    """`within` keeps the earlier end."""
    assert Deadline.after(1).within(100).left <= 1
    assert Deadline.after(100).within(1).left <= 1
