"""What `up`, `stop` and `down` do with a lab."""

import time
from dataclasses import replace

import pytest

from labctl import report
from labctl.errors import HostError, Interrupted, KafkaFailed, LabError, NodeDied
from labctl.lab import lifecycle
from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.results import CheckResult
from tests.fake_lab import TEXT


def test_up_reports_every_step_in_order(fake_lab):
    """prepare, start, the layers of ready, ready, topics: in the result and in the report."""
    run = fake_lab.up()
    names = [step.name for step in run.steps]
    assert names == [
        *("prepare", "start", "ready: nodes", "ready: quorum", "ready: brokers", "ready: external", "ready"),
        *("ready: topics", "topics"),
    ]
    assert (run.status, run.nodes[0].state) == ("passed", "running")
    assert fake_lab.last_report()["status"] == "passed"
    assert fake_lab.store.load("lab").phase == "up"


def test_up_creates_topics_and_seed_records_once(fake_lab):
    """Seed records are written when their topic is created, not again on the next `up`."""
    fake_lab.up(TEXT + "topics: [{name: t, records: [a, b]}]\n")
    fake_lab.up(TEXT + "topics: [{name: t, records: [a, b]}]\n")
    assert fake_lab.kafka.records == {"t": [(None, b"a"), (None, b"b")]}


def test_seed_records_of_a_topic_that_a_client_created(fake_lab):
    """A client may create the topic before labctl does: the seed records are written once all the same."""
    text = TEXT + "topics: [{name: t, records: [a, b]}]\n"
    fake_lab.on_up = lambda: (
        type(fake_lab.runtime).up(fake_lab.runtime),
        fake_lab.kafka.create_topics({"t": (3, 1, {})}),
    )
    fake_lab.up(text)
    fake_lab.up(text)
    assert fake_lab.kafka.records == {"t": [(None, b"a"), (None, b"b")]}


def test_up_creates_kafka_s_internal_topics(fake_lab):
    """Otherwise the first group or transaction waits until Kafka has created them."""
    fake_lab.up()
    assert fake_lab.kafka.internal_topics_created


def test_up_again_on_a_running_lab_changes_nothing(fake_lab):
    """The cluster id, the addresses and the nodes stay the same."""
    created = fake_lab.up()
    identity = fake_lab.store.load("lab").identity
    again = fake_lab.up()
    assert fake_lab.store.load("lab").identity == identity
    assert created.endpoints == again.endpoints
    assert "down" not in fake_lab.runtime.calls


def test_a_newer_kafka_on_older_data(fake_lab, monkeypatch):
    """It starts, then the older one again: no feature level was raised. A note reports each change."""
    notes = []
    monkeypatch.setattr(NullReporter, "note", lambda _self, text: notes.append(text))
    for version in ("4.2.1", "4.4.0", "4.2.1"):
        fake_lab.up(TEXT + f'kafka: {{version: "{version}"}}\n')
        lifecycle.stop("lab", fake_lab.store, NullReporter())
    assert [note for note in notes if "from now on" in note] == [
        "the lab lab ran Kafka 4.2.1, and runs Kafka 4.4.0 from now on",
        "the lab lab ran Kafka 4.4.0, and runs Kafka 4.2.1 from now on",
    ]


def test_a_changed_lab_yaml_is_recorded_for_all_commands(fake_lab):
    """After `stop`, a change of lab.yaml and `up`, every command uses the new settings."""
    fake_lab.up()
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    fake_lab.up(TEXT.replace("auto", "29876") + "topics: [{name: orders}, {name: more}]\n")
    plan = open_lab("lab", fake_lab.store, NullReporter()).plan
    assert plan.bootstrap == "localhost:29876"
    lifecycle.reset("lab", fake_lab.store, NullReporter())
    assert sorted(fake_lab.kafka.topics()) == ["more", "orders"]


def test_an_incomplete_lab_is_created_again(fake_lab):
    """`up` removes an incomplete lab and creates a new one."""
    with pytest.raises(NodeDied):
        fake_lab.dies = {"broker": "ERROR x\n"}
        fake_lab.up(keep=True)
    old = fake_lab.store.load("lab").identity.cluster_id
    fake_lab.runtime.dies = {}
    fake_lab.up()
    assert fake_lab.store.load("lab").identity.cluster_id != old


def test_keep_keeps_a_lab_that_did_not_come_up(fake_lab):
    """With --keep the incomplete lab stays for inspection."""
    fake_lab.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        fake_lab.up(keep=True)
    assert fake_lab.store.names() == ["lab"]
    assert "down" not in fake_lab.runtime.calls


def test_a_kept_lab_whose_topics_failed_is_resumed(fake_lab):
    """The nodes were up before the topics failed, so the next `up` keeps its identity and its data."""
    fake_lab.refuses = {"create_topics": "policy violation"}
    with pytest.raises(KafkaFailed):
        fake_lab.up(keep=True)
    record = fake_lab.store.load("lab")
    assert record.phase == "up"
    fake_lab.kafka.refuses = {}
    fake_lab.up()
    assert fake_lab.store.load("lab").identity == record.identity


def test_a_stopped_lab_is_not_removed_when_it_fails_to_start(fake_lab):
    """Its data stays."""
    fake_lab.up()
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    fake_lab.runtime.dies = {"broker": "ERROR x\n"}
    with pytest.raises(NodeDied):
        fake_lab.up()
    assert fake_lab.store.names() == ["lab"]
    assert "down" not in fake_lab.runtime.calls


def test_an_interrupt_removes_a_new_lab(fake_lab):
    """An interrupt during the start removes the lab; the report has it as interrupted."""
    fake_lab.on_up = lambda: (_ for _ in ()).throw(Interrupted(2))
    with pytest.raises(Interrupted):
        fake_lab.up()
    assert fake_lab.store.names() == []
    assert fake_lab.last_report()["steps"][-1]["detail"] == "interrupted"


def test_stop_keeps_the_lab_and_down_removes_it(fake_lab):
    """Both return whether there was a lab, and may be repeated."""
    assert not lifecycle.stop("lab", fake_lab.store, NullReporter())
    assert lifecycle.down("lab", fake_lab.store, NullReporter()) == []
    fake_lab.up()
    assert lifecycle.stop("lab", fake_lab.store, NullReporter())
    assert fake_lab.store.load("lab").phase == "stopped"
    assert lifecycle.down("lab", fake_lab.store, NullReporter()) == ["data of lab lab"]
    assert lifecycle.down("lab", fake_lab.store, NullReporter()) == []


def test_down_removes_rendered_files_and_keeps_reports(fake_lab):
    """Nothing but the reports stays in the lab's folder."""
    fake_lab.up()
    assert (fake_lab.folder / "broker" / "server.properties").is_file()
    lifecycle.down("lab", fake_lab.store, NullReporter())
    assert sorted(path.name for path in fake_lab.folder.iterdir()) == sorted(report.FILES.values())


def test_a_lab_of_another_labctl_version_is_reported(fake_lab):
    """Its record has unknown keys: an error instead of a traceback."""
    record = fake_lab.up() and fake_lab.store.load("lab")
    fake_lab.store.save(replace(record, spec=record.spec | {"colour": "red"}))
    with pytest.raises(LabError, match="created by another version of labctl"):
        lifecycle.down("lab", fake_lab.store, NullReporter())


def test_a_runtime_that_stops_responding_during_the_checks_changes_no_result(fake_lab, monkeypatch):
    """The checks have failed, and the lab stays: whether a node ended can't be known."""

    def no_engine(**_):
        raise HostError("no Docker Engine responds")

    def fail(log, *_args, **_options):
        log.add_checks([CheckResult("topics", "failed", 0.1, "no response")], time.monotonic())
        monkeypatch.setattr(fake_lab.runtime, "nodes", no_engine)

    monkeypatch.setattr("labctl.lab.lifecycle.run_selected_checks", fail)
    assert fake_lab.up().status == "failed"
    assert fake_lab.store.load("lab").phase == "up"
