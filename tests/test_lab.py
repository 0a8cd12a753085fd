import json
import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl import checks, report
from labctl.checks.base import CheckPass
from labctl.checks.context import CheckContext, CheckTarget
from labctl.diagnostics.diagnosis import NodeTrace
from labctl.errors import (
    HostError,
    Interrupted,
    KafkaFailed,
    LabError,
    LabStopped,
    NodeDied,
    ReadinessTimeout,
    RuntimeFailed,
    SpecError,
)
from labctl.kafka.client import Quorum, Voter
from labctl.lab import ephemeral, lifecycle, verify
from labctl.lab.ephemeral import is_orphaned
from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest
from labctl.lab.run_log import RunLog
from labctl.plan.planner import make_plan
from labctl.report.json_format import json_schema
from labctl.results import CheckResult
from labctl.runtime.access import render
from labctl.runtime.base import NodeState
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore
from labctl.system import processes
from labctl.system.processes import ProcessId
from tests.fakes import FACTS, FakeKafka, FakeRuntime

TEXT = "name: lab\nlisteners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\ntimeout: 1\n"


class World:
    """A lab whose runtime and Kafka are fakes, made on first use and kept, as a machine keeps processes."""

    def __init__(self, monkeypatch, tmp_path):
        self.monkeypatch = monkeypatch
        self.store = LabStore(tmp_path / "s")
        self.folder = tmp_path / "work" / ".labctl" / "lab"
        self.runtime = self.kafka = None
        self.dies, self.revives, self.refuses, self.on_up = {}, (), {}, None
        monkeypatch.setattr("labctl.runtime.jvm.entry.open_runtime", self._open)
        for module in ("existing", "check_contexts"):
            monkeypatch.setattr(f"labctl.lab.{module}.KafkaClient", lambda *_args, **_kwargs: self.kafka)
        monkeypatch.setattr("labctl.lab.readiness.connection_error", lambda *_: None)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)

    def _open(self, plan, _files, _progress):
        if self.runtime is None:
            self.runtime = FakeRuntime(plan, dies=self.dies, revives=self.revives)
            self.kafka = FakeKafka(plan, self.refuses)
        self.runtime.plan = self.kafka.plan = plan
        if self.on_up:
            self.monkeypatch.setattr(self.runtime, "up", self.on_up)
        return self.runtime

    def up(self, text=TEXT, source="/lab.yaml", **options):
        return lifecycle.up(LabRequest(parse_spec(text), source, self.folder), self.store, NullReporter(), **options)


@pytest.fixture
def world(monkeypatch, tmp_path):
    return World(monkeypatch, tmp_path)


def last_report(world):
    return json.loads((world.folder / "report.json").read_text())


def test_up_tells_every_step_in_order(world):
    """prepare, start, the layers of ready, ready, topics: each with its time, in the report too."""
    run = world.up()
    names = [step.name for step in run.steps]
    assert names == [
        *("prepare", "start", "ready: nodes", "ready: quorum", "ready: brokers", "ready: external", "ready"),
        *("ready: topics", "topics"),
    ]
    assert (run.status, run.nodes[0].state) == ("passed", "running")
    assert last_report(world)["status"] == "passed"
    assert world.store.load("lab").phase == "up"


def test_up_makes_the_topics_and_their_first_records_once(world):
    """The records of a topic are written when it is made, not again on the next `up`."""
    world.up(TEXT + "topics: [{name: t, records: [a, b]}]\n")
    world.up(TEXT + "topics: [{name: t, records: [a, b]}]\n")
    assert world.kafka.records == {"t": [(None, b"a"), (None, b"b")]}


def test_up_again_on_a_running_lab_changes_nothing(world):
    """The same cluster, the same nodes."""
    first = world.up()
    identity = world.store.load("lab").identity
    second = world.up()
    assert world.store.load("lab").identity == identity
    assert first.endpoints == second.endpoints
    assert "down" not in world.runtime.calls


def test_a_running_lab_refuses_other_settings(world):
    """lab.yaml changed under a running lab: exit 2, and what to do."""
    world.up()
    with pytest.raises(SpecError, match="running with other settings") as refused:
        world.up(TEXT + "kafka: {config: {log.retention.hours: 1}}\n")
    assert "labctl stop" in refused.value.hint
    assert "down" not in world.runtime.calls


def test_a_node_that_the_runtime_can_start_in_a_surer_way_is_not_dead(world):
    """The lab comes up; the node was started so once."""
    world.dies, world.revives = {"broker": "SIGSEGV\n"}, ("broker",)
    assert world.up().status == "passed"
    assert world.runtime.calls.count(("restart_without_cache", "broker")) == 1


def test_a_node_that_dies_ends_the_wait_with_its_reason_and_the_lab_is_taken_away(world):
    """The log's own words, the known cause, exit 4; nothing stays but the report."""
    world.dies = {"broker": "SEVERE x\norg.apache.kafka.common.config.ConfigException: Invalid value x for y\n"}
    with pytest.raises(NodeDied, match="Kafka rejected a setting: Invalid value x for y"):
        world.up()
    assert world.runtime.calls[-1] == "down"
    assert world.store.names() == []
    report = last_report(world)
    assert report["status"] == "error"
    assert "Invalid value x" in report["diagnosis"][0]["cause"]


def test_keep_keeps_a_lab_that_did_not_come_up(world):
    """--keep: for a look at it."""
    world.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        world.up(keep=True)
    assert world.store.names() == ["lab"]
    assert "down" not in world.runtime.calls


def test_a_wait_that_runs_out_names_the_layer(world):
    """Which layer, what was expected, what was last seen."""
    world.refuses = {"quorum": "no answer from broker 1"}
    with pytest.raises(
        ReadinessTimeout, match=r"layer quorum: expected a leader and 1 voters .* no answer from broker 1"
    ):
        world.up()
    assert world.store.names() == []


def test_a_resumed_lab_is_never_taken_away(world):
    """It failed to come up again: its data stays."""
    world.up()
    lifecycle.stop("lab", world.store, NullReporter())
    world.runtime.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        world.up()
    assert world.store.names() == ["lab"]
    assert "down" not in world.runtime.calls


def test_ctrl_c_takes_a_fresh_lab_away(world):
    """An interrupt during the start: the lab is gone, the report says interrupted."""
    world.on_up = lambda: (_ for _ in ()).throw(Interrupted(2))
    with pytest.raises(Interrupted):
        world.up()
    assert world.store.names() == []
    assert last_report(world)["steps"][-1]["detail"] == "interrupted"


def test_a_half_made_lab_is_made_anew(world):
    """What a killed `up` left is taken away before the next one starts."""
    with pytest.raises(NodeDied):
        world.dies = {"broker": "ERROR x\n"}
        world.up(keep=True)
    old = world.store.load("lab").identity.cluster_id
    world.runtime.dies = {}
    world.up()
    assert world.store.load("lab").identity.cluster_id != old


def test_stop_keeps_the_lab_and_down_does_not(world):
    """Both say whether there was one, and may be repeated."""
    assert not lifecycle.stop("lab", world.store, NullReporter())
    assert lifecycle.down("lab", world.store, NullReporter()) == []
    world.up()
    assert lifecycle.stop("lab", world.store, NullReporter())
    assert world.store.load("lab").phase == "stopped"
    assert lifecycle.down("lab", world.store, NullReporter()) == ["data of lab lab"]
    assert lifecycle.down("lab", world.store, NullReporter()) == []


def test_down_takes_rendered_files_and_keeps_reports(world):
    """Reports stay for a look at them."""
    world.up()
    assert (world.folder / "broker" / "server.properties").is_file()
    lifecycle.down("lab", world.store, NullReporter())
    assert sorted(path.name for path in world.folder.iterdir()) == sorted(report.FILES.values())


def test_check_on_a_lab_that_does_not_run_is_exit_4(world):
    """There is nothing to check."""
    with pytest.raises(LabStopped, match="there is no lab lab"):
        verify.check("lab", world.store, NullReporter(), (), "full")
    world.up()
    world.runtime.running = set()
    with pytest.raises(LabStopped, match="the lab lab is stopped"):
        verify.check("lab", world.store, NullReporter(), (), "full")


def test_a_topic_that_kafka_refuses_is_an_error_with_its_words(world):
    """A failure after ready is told like any other."""
    world.refuses = {"create_topics": "topic orders can't be made: policy violation"}
    with pytest.raises(KafkaFailed, match="policy violation"):
        world.up()


def test_a_node_that_is_gone_was_removed_by_somebody_where_it_had_been_started(world, monkeypatch):
    """After `start` it is the cause of what Kafka does not answer; before, a node that is not there was never made."""
    world.refuses = {"create_topics": "socket disconnected"}
    monkeypatch.setattr(FakeRuntime, "nodes", lambda _self, **_: [NodeState("broker", "missing")])
    world.on_up = lambda: (_ for _ in ()).throw(RuntimeFailed("docker compose up", 1, "in words of its own"))
    with pytest.raises(RuntimeFailed):
        world.up()
    assert last_report(world)["diagnosis"][0]["fault"] == ""
    world.runtime = world.on_up = None
    with pytest.raises(NodeDied, match="node broker ended: the node was removed from outside"):
        world.up()
    monkeypatch.setattr("labctl.lab.lifecycle.wait_until_ready", lambda *_: iter(()))
    with pytest.raises(KafkaFailed):
        world.up()
    assert last_report(world)["diagnosis"][0]["fault"] == "node-removed"


def test_an_engine_that_ended_is_the_cause_of_what_kafka_does_not_answer(world, monkeypatch):
    """The nodes can't be looked at any more: why explains more than what it led to, which is kept as evidence."""
    world.refuses = {"create_topics": "socket disconnected"}

    def ended(*_args, **_options):
        raise HostError("no Docker Engine responds", "start it", "no-engine")

    def refused(*_args):
        monkeypatch.setattr(FakeRuntime, "versions", ended)
        yield from ()

    monkeypatch.setattr("labctl.lab.lifecycle.wait_until_ready", refused)
    with pytest.raises(KafkaFailed):
        world.up()
    (diagnosis,) = last_report(world)["diagnosis"]
    assert (diagnosis["cause"], diagnosis["fault"]) == ("no Docker Engine responds", "no-engine")
    assert diagnosis["evidence"] == ["socket disconnected"]


def test_a_node_that_ended_explains_what_checks_failed():
    """Nobody saw how, and its log does not say: that it ended, and how it is started, not what each check missed."""
    log = RunLog("check", "lab", NullReporter())
    log.add_checks([CheckResult("topics", "failed", 30.0, "no answer")], time.monotonic())
    log.explain([NodeTrace("broker", "exited", "", "INFO at work")])
    (diagnosis,) = log.result().diagnosis
    assert diagnosis.cause == "node broker ended during the checks"
    assert "labctl up" in diagnosis.remedy
    assert "INFO at work" in "".join(diagnosis.evidence)


def test_bad_input_is_refused_before_the_machine_is_examined(world, monkeypatch):
    """A version that labctl has no lock of is exit 2, whatever this machine has or lacks."""

    def examined(*_args, **_kwargs):
        raise HostError("this machine was examined")

    monkeypatch.setattr("labctl.lab.preflight.refuse_unfit", examined)
    monkeypatch.setattr("labctl.system.ports.require", examined)
    with pytest.raises(SpecError, match=r"there is no version lock file for Kafka 4\.0\.0"):
        world.up(TEXT + 'runtime: local\nkafka: {version: "4.0.0"}\n')
    assert world.store.names() == []


def test_a_command_that_is_not_there_is_refused_before_its_lab_is_made(world):
    """`run` looks for its program first."""
    wish = LabRequest(parse_spec(TEXT), "", world.folder)
    with pytest.raises(SpecError, match="no-such-program can't be run here"):
        ephemeral.run(wish, world.store, NullReporter(), ["no-such-program"])
    assert world.runtime is None


def test_a_taken_port_is_found_before_anything_starts(world):
    """Exit 3, the port named; the runtime was not even prepared."""
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(HostError, match=f"port {port} on 127.0.0.1 is in use"):
            world.up(TEXT.replace("auto", str(port)))
    assert "prepare" not in world.runtime.calls
    assert world.store.names() == []


def port_race(world, lost):
    """The first `lost` starts find the port taken by somebody who was quicker."""
    starts = []

    def up():
        starts.append(world.runtime.plan.bootstrap)
        if len(starts) <= lost:
            raise NodeDied("node broker ended: Address already in use", fault="port-taken")
        type(world.runtime).up(world.runtime)

    world.on_up = up
    return starts


def test_a_chosen_port_that_is_taken_meanwhile_is_chosen_again(world):
    """Twice; a third time is no accident. Nothing of the lost starts is left."""
    starts = port_race(world, lost=2)
    assert world.up().status == "passed"
    assert len(starts) == 3
    lifecycle.down("lab", world.store, NullReporter())
    starts[:] = []
    port_race(world, lost=3)
    with pytest.raises(NodeDied):
        world.up()
    assert world.store.names() == []


def test_a_port_that_lab_yaml_names_is_not_chosen_again(world):
    """It is the user's wish."""
    starts = port_race(world, lost=1)
    with pytest.raises(NodeDied):
        world.up(TEXT.replace("auto", "29094"))
    assert len(starts) == 1


def test_reset_leaves_the_plan_s_topics_alone(world):
    """What was in the lab is gone, its own topics are new with their first records."""
    world.up()
    world.kafka.create_topics({"mine": (1, 1, {})})
    world.kafka.transactions = ["tx"]
    world.kafka.members = {"busy": 2, "idle": 0}
    assert lifecycle.reset("lab", world.store, NullReporter()) == [
        *("transaction tx", "group busy", "group idle", "topic mine", "topic orders"),
    ]
    assert list(world.kafka.topics()) == ["orders"]
    first = [value for _key, value in world.kafka.records["orders"]]
    assert (first[0], len(first)) == (b"hello, kafka", 3)
    assert (world.kafka.transactions, world.kafka.members) == ([], {})


def test_reset_says_where_a_topic_came_back_by_itself(world, monkeypatch):
    """A program that goes on producing makes it anew, without the lab's settings and first records."""
    world.up()
    deleted = world.kafka.delete_topics

    def quicker(names):
        deleted(names)
        monkeypatch.setattr(world.kafka, "topics_by_broker", lambda _names: [])
        world.kafka.made["orders"] = (1, 1, {})

    world.kafka.delete_topics = quicker
    with pytest.raises(KafkaFailed, match="another program created"):
        lifecycle.reset("lab", world.store, NullReporter())


def test_reset_says_which_group_keeps_its_members(world, monkeypatch):
    """And deletes no topic under them."""
    monkeypatch.setattr("labctl.kafka.reset.GROUP_SECONDS", 0.01)
    world.up()
    world.kafka.members = {"stubborn": 1}
    world.kafka.remove_members = lambda _group: 1
    with pytest.raises(KafkaFailed, match="group stubborn") as failed:
        lifecycle.reset("lab", world.store, NullReporter())
    assert "end the programs that consume" in failed.value.hint
    assert list(world.kafka.topics()) == ["orders"]


def test_reset_of_a_stopped_lab_says_so(world):
    """Exit 4."""
    world.up()
    lifecycle.stop("lab", world.store, NullReporter())
    with pytest.raises(LabStopped, match="only a running lab"):
        lifecycle.reset("lab", world.store, NullReporter())


def test_the_report_follows_its_schema(world):
    """The published JSON Schema accepts what `up` wrote, and refuses a report with a wrong status."""
    import jsonschema

    world.up()
    document = last_report(world)
    jsonschema.validate(document, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"status": "fine"}, json_schema())


def test_a_github_job_gets_its_summary(world, tmp_path, monkeypatch):
    """Where GITHUB_STEP_SUMMARY is set, the Markdown report is added to it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    world.up()
    assert "ready, not verified" in (tmp_path / "summary.md").read_text()


def test_a_folder_for_reports_that_can_t_be_written_is_said(world, tmp_path):
    """The lab is up all the same, and the run's result says that there is no file."""
    world.up()
    for path in world.folder.glob("report.*"):
        path.unlink()
        Path(path).mkdir()
    assert world.up().files == ()


def test_a_node_with_a_quorum_of_its_own_is_seen(world, monkeypatch):
    """Every broker is asked what quorum it follows: one that went its own way is named."""
    monkeypatch.setattr(
        FakeKafka,
        "quorum_by_broker",
        lambda self: {"a": self.quorum(), "b": self.quorum(), "c": Quorum(3, (Voter(3, 0, True),))},
    )
    with pytest.raises(
        ReadinessTimeout, match=r"expected a leader and 3 voters.*the voters are \[3\], as broker-3 reports"
    ):
        world.up(TEXT + "kafka: {brokers: 3}\n")


def test_what_lab_yaml_says_now_is_what_every_command_knows(world):
    """After `stop` and a changed lab.yaml, `up` is not alone in knowing it."""
    world.up()
    lifecycle.stop("lab", world.store, NullReporter())
    world.up(TEXT.replace("auto", "29876") + "topics: [{name: orders}, {name: more}]\n")
    plan = open_lab("lab", world.store, NullReporter()).plan
    assert plan.bootstrap == "localhost:29876"
    lifecycle.reset("lab", world.store, NullReporter())
    assert sorted(world.kafka.topics()) == ["more", "orders"]


def test_a_lab_keeps_its_nodes(world):
    """Neither a running nor a stopped one becomes a lab of other nodes."""
    world.up()
    for _ in range(2):
        with pytest.raises(SpecError, match="has the nodes broker, and would have broker-1, broker-2, broker-3"):
            world.up(TEXT + "kafka: {brokers: 3}\n")
        lifecycle.stop("lab", world.store, NullReporter())
    assert world.up().status == "passed"


def test_rendering_changed_settings_does_not_hide_that_they_changed(world):
    """`labctl render` writes where `up` looks."""
    world.up()
    changed = TEXT + "kafka: {config: {log.retention.hours: 1}}\n"
    record = world.store.load("lab")
    for path, text in render(make_plan(parse_spec(changed), record.runtime, FACTS, record.identity)).items():
        (world.folder / path).write_text(text)
    with pytest.raises(SpecError, match="running with other settings"):
        world.up(changed)


def test_a_lab_for_one_run_is_never_somebody_else_s(world):
    """Two runs of one name at once: the second is refused, and takes nothing away."""
    me = ProcessId.of(os.getpid())
    assert me is not None
    other = replace(me, pid=1)
    world.up(owner=other)
    with pytest.raises(SpecError, match="does not belong to this run"):
        world.up(owner=me)
    assert world.store.load("lab").owner == other
    assert world.up(owner=other).status == "passed"


def test_first_records_of_a_topic_that_was_there_before_the_lab_s(world):
    """A client that asks for a topic makes it: the lab's records are written all the same, and once."""
    text = TEXT + "topics: [{name: t, records: [a, b]}]\n"
    world.on_up = lambda: (type(world.runtime).up(world.runtime), world.kafka.create_topics({"t": (3, 1, {})}))
    world.up(text)
    world.up(text)
    assert world.kafka.records == {"t": [(None, b"a"), (None, b"b")]}


def test_a_lab_that_was_kept_for_a_look_is_not_left_over(world):
    """gc leaves it; the next `up` makes it anew."""
    world.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        world.up(keep=True)
    record = world.store.load("lab")
    assert (record.phase, is_orphaned(record)) == ("kept", False)


def test_down_asks_once_more_when_nobody_else_is_at_work(world):
    """What looked left over may have become a lab meanwhile."""
    world.up()
    assert lifecycle.down("lab", world.store, NullReporter(), only_if=is_orphaned) == []
    assert world.store.names() == ["lab"]


def test_one_lab_that_can_t_be_taken_away_keeps_no_other(world, monkeypatch):
    """All are tried, then the failure is told."""
    world.up()
    (world.store.root / "labs" / "first").mkdir()
    real = lifecycle.down

    def down(name, *arguments):
        if name == "first":
            raise HostError("no Docker Engine responds")
        return real(name, *arguments)

    monkeypatch.setattr(ephemeral, "down", down)
    gone = []
    with pytest.raises(HostError, match="no Docker Engine"):
        gone.extend(name for name, _removed in ephemeral.down_each(["first", "lab"], world.store, NullReporter()))
    assert world.store.load("lab") is None


def test_processes_of_a_lab_whose_record_can_t_be_read_are_ended(world, monkeypatch):
    """By the mark that all of them have: its data goes, and they would run on unfound."""
    world.up()
    folder = world.store.lab_folder("lab")
    (folder / "lab.json").write_text("{}")
    node, page = SimpleNamespace(pid=7), SimpleNamespace(pid=8)
    found = {f"-Dlabctl.lab={folder}": [node], f"labctl.page={folder}": [page]}
    killed = []
    monkeypatch.setattr(processes, "with_argument", found.pop)
    monkeypatch.setattr(processes, "kill", killed.extend)
    assert lifecycle.down("lab", world.store, NullReporter()) == [
        "process 7",
        "process 8",
        "data of incomplete lab lab",
    ]
    assert (found, killed) == ({}, [node, page])


def test_a_work_folder_that_can_t_be_written(world):
    """Exit 3 with the path; the lab is taken away, though its folder is none."""
    world.folder.parent.parent.mkdir(parents=True, exist_ok=True)
    world.folder.parent.write_text("a file where the folder should be")
    with pytest.raises(HostError, match="can't be written"):
        world.up()
    assert world.store.names() == []


def test_a_stopped_lab_s_check_is_reported_too(world):
    """Written for every check, also for one that could not be asked."""
    world.up()
    lifecycle.stop("lab", world.store, NullReporter())
    with pytest.raises(LabStopped):
        verify.check("lab", world.store, NullReporter(), (), "full")
    assert last_report(world)["status"] == "error"
    assert "the lab lab is stopped" in last_report(world)["diagnosis"][0]["cause"]


def test_what_labctl_gets_wrong_is_no_success(world):
    """An exception that nobody expects: the report says error."""
    world.on_up = lambda: (_ for _ in ()).throw(ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        world.up()
    assert last_report(world)["status"] == "error"
    assert last_report(world)["steps"][-1]["detail"] == "ZeroDivisionError: oops"


def test_a_check_that_labctl_gets_wrong_ends_no_other(world, monkeypatch):
    """It is an error with its traceback as evidence."""

    def wrong(_context):
        raise ZeroDivisionError("oops")

    broken = replace(checks.CHECKS["quorum"], run=wrong)
    monkeypatch.setitem(checks.CHECKS, "quorum", broken)
    world.up()
    run = verify.check("lab", world.store, NullReporter(), ("quorum", "topics"), "full")
    told = {one.name: (one.status, one.detail) for one in run.checks}
    assert told["quorum"] == ("error", "ZeroDivisionError: oops")
    assert told["topics"][0] == "passed"


def test_a_lab_of_another_labctl_is_said(world):
    """Its keys are not this one's: no traceback."""
    record = world.up() and world.store.load("lab")
    world.store.save(replace(record, spec=record.spec | {"colour": "red"}))
    with pytest.raises(LabError, match="created by another version of labctl"):
        lifecycle.down("lab", world.store, NullReporter())


def test_a_lab_that_was_up_stays_up_whatever_comes_after(world):
    """--keep, and the topics can't be made: the next `up` resumes it, with its data."""
    world.refuses = {"create_topics": "policy violation"}
    with pytest.raises(KafkaFailed):
        world.up(keep=True)
    record = world.store.load("lab")
    assert record.phase == "up"
    world.kafka.refuses = {}
    world.up()
    assert world.store.load("lab").identity == record.identity


def a_context(world):
    """A context for checks on a Kafka that somebody else started."""
    return CheckContext(run="1", target=CheckTarget("localhost:1", world.kafka, 1, connection_error=lambda _: None))


def test_checks_begin_when_every_broker_knows_their_topics(world, monkeypatch):
    """A client that asks a broker which does not yet would be told that there is no such topic."""
    world.up()
    said = [[set(), set()], [{"labctl-check-1-json-records"}, set()]]
    know_all = world.kafka.topics_by_broker
    monkeypatch.setattr(world.kafka, "topics_by_broker", lambda names: said.pop(0) if said else know_all(names))
    context = a_context(world)
    asked = replace(checks.CHECKS["json-records"], run=lambda _context: CheckPass(f"{len(said)} answers left"))
    assert [one.detail for one in checks.run_checks(context, [asked])] == ["0 answers left"]
    monkeypatch.setattr(world.kafka, "topics_by_broker", lambda _names: [set()])
    context = replace(context, target=replace(context.target, timeout=0.01))
    (never,) = checks.run_checks(context, [asked])
    assert (never.status, "a broker does not have labctl-check-1-json-records yet" in never.detail) == ("failed", True)


def test_a_first_group_or_transaction_finds_its_coordinator_awake(world):
    """Else it waits until Kafka has made the topic behind it."""
    world.up()
    assert world.kafka.awake


def test_an_interrupted_check_leaves_nothing_in_somebody_else_s_kafka(world):
    """Its topics are deleted; in a lab the next run would."""
    world.up()
    interrupt = replace(checks.CHECKS["json-records"], run=lambda _context: (_ for _ in ()).throw(Interrupted(2)))
    context = a_context(world)
    with pytest.raises(Interrupted):
        checks.run_checks(context, [interrupt])
    assert [name for name in world.kafka.topics() if name.startswith("labctl-check-")] == []


@pytest.mark.parametrize("answer", ["a refusal", "yes, and nothing happens"])
def test_the_checks_topics_are_deleted_until_they_are_gone(world, monkeypatch, answer):
    """A controller that has just changed may refuse, or forget."""
    world.up()
    delete, asked = world.kafka.delete_topics, []

    def delete_at_the_second_try(names):
        asked.append(names)
        if len(asked) == 1 and answer == "a refusal":
            raise KafkaFailed("delete topics: NotControllerError")
        if len(asked) > 1:
            delete(names)

    monkeypatch.setattr(world.kafka, "delete_topics", delete_at_the_second_try)
    passing = replace(checks.CHECKS["json-records"], run=lambda _context: CheckPass("passed"))
    context = a_context(world)
    assert [one.status for one in checks.run_checks(context, [passing])] == ["passed"]
    assert asked == [["labctl-check-1-json-records"]] * 2
    assert [name for name in world.kafka.topics() if name.startswith("labctl-check-")] == []
