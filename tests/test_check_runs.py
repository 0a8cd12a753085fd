"""How checks are run: their order, their errors, and the removal of their topics."""

from dataclasses import replace

import pytest

from labctl import checks
from labctl.checks.base import CheckPass
from labctl.checks.context import SETTLE_SECONDS, CheckContext, CheckTarget
from labctl.errors import Interrupted, KafkaFailed, LabStopped
from labctl.lab import verify
from labctl.lab.reporter import NullReporter
from tests.fake_lab import TEXT


def test_check_on_a_lab_that_does_not_run_is_exit_4(fake_lab):
    """The error distinguishes a missing lab from a stopped lab."""
    with pytest.raises(LabStopped, match="there is no lab lab"):
        verify.check("lab", fake_lab.store, NullReporter(), (), "full")
    fake_lab.up()
    fake_lab.runtime.running = set()
    with pytest.raises(LabStopped, match="the lab lab is stopped"):
        verify.check("lab", fake_lab.store, NullReporter(), (), "full")


def test_a_defect_in_a_check_does_not_end_the_others(fake_lab, monkeypatch):
    """Its result is an error with the exception."""

    def defective(_context):
        raise ZeroDivisionError("oops")

    broken = replace(checks.CHECKS["quorum"], run=defective)
    monkeypatch.setitem(checks.CHECKS, "quorum", broken)
    fake_lab.up()
    run = verify.check("lab", fake_lab.store, NullReporter(), ("quorum", "topics"), "full")
    results = {check.name: (check.status, check.detail) for check in run.checks}
    assert results["quorum"] == ("error", "ZeroDivisionError: oops")
    assert results["topics"][0] == "passed"


def a_context(fake_lab):
    """Return a context for checks on a Kafka that somebody else started."""
    return CheckContext(run="1", target=CheckTarget("localhost:1", fake_lab.kafka, 1, connection_error=lambda _: None))


def test_checks_begin_when_every_broker_knows_their_topics(fake_lab, monkeypatch):
    """A broker that does not know a topic yet would respond that there is none."""
    fake_lab.up()
    responses = [[set(), set()], [{"labctl-check-1-json-records"}, set()]]
    all_known = fake_lab.kafka.topics_by_broker
    monkeypatch.setattr(
        fake_lab.kafka, "topics_by_broker", lambda names: responses.pop(0) if responses else all_known(names)
    )
    context = a_context(fake_lab)
    check = replace(checks.CHECKS["json-records"], run=lambda _context: CheckPass(f"{len(responses)} responses left"))
    assert [result.detail for result in checks.run_checks(context, [check])] == ["0 responses left"]
    monkeypatch.setattr(fake_lab.kafka, "topics_by_broker", lambda _names: [set()])
    context = replace(context, target=replace(context.target, timeout=0.01))
    (result,) = checks.run_checks(context, [check])
    assert (result.status, "a broker does not have labctl-check-1-json-records yet" in result.detail) == (
        "failed",
        True,
    )


def test_an_interrupted_check_leaves_nothing_in_somebody_else_s_kafka(fake_lab):
    """Its topics are deleted; in a lab the next run deletes them."""
    fake_lab.up()
    interrupt = replace(checks.CHECKS["json-records"], run=lambda _context: (_ for _ in ()).throw(Interrupted(2)))
    context = a_context(fake_lab)
    with pytest.raises(Interrupted):
        checks.run_checks(context, [interrupt])
    assert [name for name in fake_lab.kafka.topics() if name.startswith("labctl-check-")] == []


@pytest.mark.parametrize("first_response", ["rejected", "accepted without effect"])
def test_the_checks_topics_are_deleted_until_they_are_gone(fake_lab, monkeypatch, first_response):
    """A controller that has just changed may reject the deletion or lose it."""
    fake_lab.up()
    delete_topics, requests = fake_lab.kafka.delete_topics, []

    def delete_at_the_second_request(names):
        requests.append(names)
        if len(requests) == 1 and first_response == "rejected":
            raise KafkaFailed("delete topics: NotControllerError")
        if len(requests) > 1:
            delete_topics(names)

    monkeypatch.setattr(fake_lab.kafka, "delete_topics", delete_at_the_second_request)
    passing = replace(checks.CHECKS["json-records"], run=lambda _context: CheckPass("passed"))
    context = a_context(fake_lab)
    assert [result.status for result in checks.run_checks(context, [passing])] == ["passed"]
    assert requests == [["labctl-check-1-json-records"]] * 2
    assert [name for name in fake_lab.kafka.topics() if name.startswith("labctl-check-")] == []


def test_a_check_does_not_wait_long_for_a_node_that_is_gone(fake_lab):
    """The others wait for it in vain: until the lab's deadline that cause would only be hidden."""
    fake_lab.up(TEXT.replace("timeout: 1", "timeout: 60") + "kafka: {brokers: 3}\n")
    assert _settles(fake_lab) > SETTLE_SECONDS
    fake_lab.runtime.running.discard("broker-3")
    assert _settles(fake_lab) == SETTLE_SECONDS


def _settles(fake_lab):
    """How long a check of the lab waits for what a busy machine is late with."""
    found = []

    def keep(context):
        found.append(context.settle)
        return CheckPass("kept")

    check = replace(checks.CHECKS["quorum"], run=keep)
    fake_lab.monkeypatch.setitem(checks.CHECKS, "quorum", check)
    verify.check("lab", fake_lab.store, NullReporter(), ("quorum",), "full")
    return found[0]
