"""How checks are run: their order, their errors, and the removal of their topics."""

import threading
from dataclasses import replace

import pytest

from labctl import checks
from labctl.checks.base import CheckFailed, CheckPass
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


@pytest.fixture
def three_nodes(fake_lab, monkeypatch):
    """Return a lab of three nodes that is examined often while checks run."""
    fake_lab.up(TEXT + "kafka: {brokers: 3}\n")
    monkeypatch.setattr("labctl.checks.runner.WATCH_SECONDS", 0.001)
    monkeypatch.setattr("labctl.checks.runner.LOST_SECONDS", 0)
    return fake_lab


def checked(fake_lab, monkeypatch, names, **runs):
    """Return {check: (status, detail)} of the checks `names`, where `runs` replaces what some of them do."""
    for name in names:
        check = checks.CHECKS[name]
        monkeypatch.setitem(checks.CHECKS, name, replace(check, run=runs.get(name, check.run), partitions=0))
    run = verify.check("lab", fake_lab.store, NullReporter(), names, "full")
    assert [step.status for step in run.steps if step.name == "checks"] == ["failed"]
    return {check.name: (check.status, check.detail) for check in run.checks}


@pytest.mark.parametrize(
    ("gone", "cause"),
    [("running", "node broker-2 ended"), ("frozen", "node broker-2 is frozen: for the test")],
)
def test_a_check_that_waits_for_a_node_that_is_gone_ends_with_that_cause(three_nodes, monkeypatch, gone, cause):
    """The checks that are over keep their results; those that would come after it are skipped."""
    never = threading.Event()

    def wait(_context):
        if gone == "running":
            three_nodes.runtime.running.discard("broker-2")
        else:
            three_nodes.runtime.frozen.add("broker-2")
        never.wait(30)
        return CheckPass("too late")

    results = checked(three_nodes, monkeypatch, ("quorum", "topics", "replication"), quorum=wait)
    never.set()
    assert results["quorum"] == ("error", f"{cause} while this check ran")
    assert results["topics"][0] == "passed"
    assert results["replication"] == ("skipped", cause)


def test_a_broker_that_a_check_stops_is_not_a_lost_one(three_nodes, monkeypatch):
    """Another node that ends meanwhile is."""
    looks = []

    def stop_one(context):
        with context.lab.stopped_broker(1):
            looks.append(context.lab.lost_node())
            three_nodes.runtime.running.discard("broker-3")
            looks.append(context.lab.lost_node())
            three_nodes.runtime.running.add("broker-3")
        looks.append(context.lab.lost_node())
        raise CheckFailed("for the test")

    checked(three_nodes, monkeypatch, ("replication",), replication=stop_one)
    assert looks == ["", "node broker-3 ended", ""]


def test_a_node_that_was_gone_before_the_checks_is_not_lost_by_them(three_nodes, monkeypatch):
    """The checks report what does not work without it."""
    three_nodes.runtime.running.discard("broker-2")
    lost = []

    def look(context):
        lost.append(context.lab.lost_node())
        raise CheckFailed("for the test")

    checked(three_nodes, monkeypatch, ("quorum",), quorum=look)
    assert lost == [""]
