"""The report of a run, and the diagnosis of a failed run."""

import time
from pathlib import Path

import pytest

from labctl.diagnostics.diagnosis import NodeTrace
from labctl.errors import HostError, KafkaFailed, LabStopped, NodeDied, RuntimeFailed
from labctl.lab import lifecycle, verify
from labctl.lab.reporter import NullReporter
from labctl.lab.run_log import RunLog
from labctl.report.json_format import json_schema
from labctl.results import CheckResult
from labctl.runtime.base import NodeState
from tests.fakes import FakeRuntime


def test_the_report_follows_its_schema(fake_lab):
    """The published JSON Schema accepts the report of `up`, and rejects a wrong status."""
    import jsonschema

    fake_lab.up()
    document = fake_lab.last_report()
    jsonschema.validate(document, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"status": "fine"}, json_schema())


def test_a_github_job_gets_its_summary(fake_lab, tmp_path, monkeypatch):
    """Where GITHUB_STEP_SUMMARY is set, the Markdown report is appended to that file."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    fake_lab.up()
    assert "ready, not verified" in (tmp_path / "summary.md").read_text()


def test_reports_that_can_t_be_written(fake_lab, tmp_path):
    """The lab is up all the same, and the result lists no files."""
    fake_lab.up()
    for path in fake_lab.folder.glob("report.*"):
        path.unlink()
        Path(path).mkdir()
    assert fake_lab.up().files == ()


def test_a_stopped_lab_s_check_is_reported_too(fake_lab):
    """Every check writes a report, also where it can't start."""
    fake_lab.up()
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    with pytest.raises(LabStopped):
        verify.check("lab", fake_lab.store, NullReporter(), (), "full")
    assert fake_lab.last_report()["status"] == "error"
    assert "the lab lab is stopped" in fake_lab.last_report()["diagnosis"][0]["cause"]


def test_an_unexpected_exception_is_reported_as_error(fake_lab):
    """The report has status error and names the exception."""
    fake_lab.on_up = lambda: (_ for _ in ()).throw(ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        fake_lab.up()
    assert fake_lab.last_report()["status"] == "error"
    assert fake_lab.last_report()["steps"][-1]["detail"] == "ZeroDivisionError: oops"


def test_a_rejected_topic_is_an_error_with_kafka_s_message(fake_lab):
    """A failure after ready is reported like any other."""
    fake_lab.refuses = {"create_topics": "topic orders can't be made: policy violation"}
    with pytest.raises(KafkaFailed, match="policy violation"):
        fake_lab.up()


def test_a_missing_node_was_removed_from_outside_if_it_was_started(fake_lab, monkeypatch):
    """After `start` this is the cause of Kafka's errors; before, the node was never created."""
    fake_lab.refuses = {"create_topics": "socket disconnected"}
    monkeypatch.setattr(FakeRuntime, "nodes", lambda _self, **_: [NodeState("broker", "missing")])
    fake_lab.on_up = lambda: (_ for _ in ()).throw(RuntimeFailed("docker compose up", 1, "in words of its own"))
    with pytest.raises(RuntimeFailed):
        fake_lab.up()
    assert fake_lab.last_report()["diagnosis"][0]["fault"] == ""
    fake_lab.runtime = fake_lab.on_up = None
    with pytest.raises(NodeDied, match="node broker ended: the node was removed from outside"):
        fake_lab.up()
    monkeypatch.setattr("labctl.lab.lifecycle.wait_until_ready", lambda *_: iter(()))
    with pytest.raises(KafkaFailed):
        fake_lab.up()
    assert fake_lab.last_report()["diagnosis"][0]["fault"] == "node-removed"


def test_a_stopped_engine_is_the_cause_of_kafka_s_errors(fake_lab, monkeypatch):
    """The nodes can't be observed any more: the engine is the diagnosis, Kafka's error is evidence."""
    fake_lab.refuses = {"create_topics": "socket disconnected"}

    def without_engine(*_args, **_options):
        raise HostError("no Docker Engine responds", "start it", "no-engine")

    def stop_the_engine(*_args):
        monkeypatch.setattr(FakeRuntime, "versions", without_engine)
        yield from ()

    monkeypatch.setattr("labctl.lab.lifecycle.wait_until_ready", stop_the_engine)
    with pytest.raises(KafkaFailed):
        fake_lab.up()
    (diagnosis,) = fake_lab.last_report()["diagnosis"]
    assert (diagnosis["cause"], diagnosis["fault"]) == ("no Docker Engine responds", "no-engine")
    assert diagnosis["evidence"] == ["socket disconnected"]


ADVERTISED = "broker 1 advertises localhost:1 to clients on the host: nothing listens on localhost:1"


def test_a_node_that_ended_explains_failed_checks():
    """Without a cause in its log, the diagnosis is that the node ended, not that its address is wrong."""
    log = RunLog("check", "lab", NullReporter())
    log.add_checks([CheckResult("topics", "failed", 30.0, ADVERTISED)], time.monotonic())
    log.explain([NodeTrace("broker", "exited", "", "INFO at work")])
    (diagnosis,) = log.result().diagnosis
    assert diagnosis.cause == "node broker has ended"
    assert "labctl up" in diagnosis.remedy
    assert "INFO at work" in "".join(diagnosis.evidence)
