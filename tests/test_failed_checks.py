"""What a client can't do, by the checks that failed."""

import pytest

from labctl.diagnostics.failed_checks import first_inability
from labctl.results import CheckResult


def failed(name, detail):
    """A check that failed."""
    return CheckResult(name, "failed", 0.1, detail)


@pytest.mark.parametrize(
    ("results", "cause", "remedy"),
    [
        (
            [failed("transaction", "read t: TopicAuthorizationFailedError"), failed("json-records", "write to t: Xs")],
            "clients can't produce: write to t: Xs",
            "",
        ),
        (
            [failed("consumer-group", "group g: GroupAuthorizationFailedError")],
            "clients can't use a consumer group: group g: GroupAuthorizationFailedError",
            "--operation Read --group '*'",
        ),
        (
            [failed("json-records", "no topic to check with: topic t can't be created: Authorization failed.")],
            "clients can't create topics: no topic to check with: topic t can't be created: Authorization failed.",
            "--operation Create --cluster",
        ),
        (
            [failed("json-records", "write to t: NotEnoughReplicasError")],
            "clients can't produce: write to t: NotEnoughReplicasError",
            "min.insync.replicas",
        ),
    ],
)
def test_what_a_client_needs_first_explains_the_rest(results, cause, remedy):
    """The cause, and a remedy where the error of Kafka has one."""
    found = first_inability(results)
    assert found.cause == cause
    assert remedy in found.remedy
    assert bool(remedy) == bool(found.remedy)


def test_checks_that_say_nothing_of_clients():
    """A check of something else, one that passed, one that was skipped."""
    assert first_inability([failed("quorum", "no leader"), CheckResult("transaction", "skipped", 0, "read")]) is None
