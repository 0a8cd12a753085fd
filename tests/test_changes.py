"""`up` with a changed lab.yaml: what is changed while the lab runs, what restarts its nodes, and what is refused."""

import pytest

from labctl.errors import KafkaFailed, NodeDied, SpecError
from labctl.lab import lifecycle
from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.plan.planner import make_plan
from labctl.runtime.access import render
from labctl.spec.loader import parse_spec
from tests.fake_lab import TEXT
from tests.fakes import FACTS

CLUSTER = TEXT + "kafka: {brokers: 3"
KEPT_TOPIC = TEXT + "topics: [{name: t, partitions: 3, config: {retention.ms: 1000}}]\n"


def up_cluster(fake_lab, config=""):
    return fake_lab.up(CLUSTER + (f", config: {{{config}}}" if config else "") + "}\n")


def phase(fake_lab):
    return fake_lab.store.load("lab").phase


def test_a_setting_that_kafka_can_change_restarts_nothing(fake_lab):
    """All brokers get it while they run, and the record has it."""
    up_cluster(fake_lab)
    assert up_cluster(fake_lab, "log.retention.ms: 5").status == "passed"
    assert fake_lab.kafka.broker_settings == {"log.retention.ms": "5"}
    assert fake_lab.runtime.stopped == []
    assert dict(open_lab("lab", fake_lab.store, NullReporter()).plan.broker_config) == {"log.retention.ms": "5"}
    assert up_cluster(fake_lab, "log.retention.ms: 6").status == "passed"
    assert fake_lab.kafka.broker_settings == {"log.retention.ms": "6"}


def test_a_value_that_kafka_refuses_changes_nothing(fake_lab):
    """Neither the record nor the rendered files have it."""
    up_cluster(fake_lab)
    fake_lab.kafka.refuses = {"alter_settings": "log.retention.ms: InvalidConfigurationError"}
    with pytest.raises(KafkaFailed, match="InvalidConfigurationError"):
        up_cluster(fake_lab, "log.retention.ms: 5")
    lab = open_lab("lab", fake_lab.store, NullReporter())
    assert lab.plan.broker_config == ()
    assert "log.retention.ms" not in (lab.files_in_use / "broker-1/server.properties").read_text()


@pytest.mark.parametrize("more", [", config: {background.threads: 4}", ", heap: 600m", ", racks: 3"])
def test_other_settings_restart_one_node_after_another(fake_lab, more):
    """Each is a step of the report."""
    up_cluster(fake_lab)
    run = fake_lab.up(CLUSTER + more + "}\n")
    names = ["broker-1", "broker-2", "broker-3"]
    assert fake_lab.runtime.stopped == names
    assert [step.name for step in run.steps if step.name.startswith("restart: ")] == [f"restart: {it}" for it in names]
    assert (run.status, phase(fake_lab)) == ("passed", "up")
    fake_lab.runtime.stopped.clear()
    fake_lab.up(CLUSTER + more + "}\n")
    assert fake_lab.runtime.stopped == []


def test_a_setting_that_lab_yaml_has_no_more(fake_lab):
    """The nodes start without it, and no broker keeps it from the time when it was changed while they ran."""
    up_cluster(fake_lab)
    up_cluster(fake_lab, "log.retention.ms: 5")
    fake_lab.kafka.settings = {("broker", ""): ("log.retention.ms",)}
    up_cluster(fake_lab)
    assert fake_lab.runtime.stopped == ["broker-1", "broker-2", "broker-3"]
    assert fake_lab.kafka.broker_settings == {}


def test_lab_yaml_changed_while_the_lab_is_stopped(fake_lab):
    """A value from the time when it ran does not hide that of lab.yaml."""
    up_cluster(fake_lab)
    up_cluster(fake_lab, "log.retention.ms: 5")
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    up_cluster(fake_lab, "log.retention.ms: 7")
    assert fake_lab.kafka.broker_settings == {"log.retention.ms": "7"}


def test_a_node_that_ends_with_its_new_settings(fake_lab):
    """The others keep theirs and run; the next `up` with a better lab.yaml starts it, and restarts the others."""
    up_cluster(fake_lab)
    fake_lab.runtime.dies = {"broker-1": "org.apache.kafka.common.config.ConfigException: Invalid value\n"}
    with pytest.raises(NodeDied, match="node broker-1 ended"):
        up_cluster(fake_lab, "background.threads: 4")
    assert fake_lab.runtime.stopped == ["broker-1"]
    assert fake_lab.runtime.running == {"broker-2", "broker-3"}
    assert phase(fake_lab) == "changing"
    fake_lab.runtime.dies = {}
    assert up_cluster(fake_lab).status == "passed"
    assert fake_lab.runtime.running == {"broker-1", "broker-2", "broker-3"}
    assert phase(fake_lab) == "up"


def test_an_interrupted_restart_goes_on(fake_lab):
    """The record has the new settings already, and some nodes may not."""
    up_cluster(fake_lab)
    fake_lab.store.set_phase(fake_lab.store.load("lab"), "changing")
    up_cluster(fake_lab)
    assert fake_lab.runtime.stopped == ["broker-1", "broker-2", "broker-3"]
    assert phase(fake_lab) == "up"


def test_nodes_that_another_labctl_started(fake_lab):
    """Its files had other settings: the nodes are restarted with those of this one. A comment is none."""
    fake_lab.up()
    path = open_lab("lab", fake_lab.store, NullReporter()).files_in_use / "broker/server.properties"
    path.write_text(f"# older\n{path.read_text()}")
    fake_lab.up()
    assert fake_lab.runtime.stopped == []
    path.write_text(f"num.io.threads=3\n{path.read_text()}")
    fake_lab.up()
    assert fake_lab.runtime.stopped == ["broker"]


def test_what_a_running_lab_keeps(fake_lab):
    """The message names the keys, and the remedy is `labctl stop`. Nothing was touched."""
    fake_lab.up()
    for text, keys in (
        (TEXT.replace("auto", "29876"), "listeners.external.port"),
        (TEXT.replace("none}", "page, port: auto}"), "ui.kind, ui.port"),
        (TEXT + "security: {protocol: sasl_ssl}\n", "security.protocol"),
        (TEXT + "kafka: {quorum: dynamic, heap: 600m}\n", "kafka.quorum"),
    ):
        with pytest.raises(SpecError, match=f"the lab lab is running, and can't change {keys} meanwhile") as refused:
            fake_lab.up(text)
        assert "labctl stop" in refused.value.hint
    assert "down" not in fake_lab.runtime.calls
    assert "stop" not in fake_lab.runtime.calls


def test_another_kafka_needs_an_upgrade(fake_lab):
    """The remedy says how to keep or to change it."""
    fake_lab.up(TEXT + 'kafka: {version: "4.3.1"}\n')
    with pytest.raises(SpecError, match=r"is running Kafka 4\.3\.1, and would run 4\.4\.0") as refused:
        fake_lab.up(TEXT + 'kafka: {version: "4.4.0"}\n')
    assert "labctl upgrade --name lab --to 4.4.0" in refused.value.hint
    assert "--kafka 4.3.1" in refused.value.hint
    assert open_lab("lab", fake_lab.store, NullReporter()).plan.kafka_version == "4.3.1"


def test_an_older_kafka_is_refused_on_newer_data(fake_lab):
    """The versions are those that created the data and that was requested; the remedy keeps the data."""
    fake_lab.up(TEXT + 'kafka: {version: "4.4.0"}\n')
    lifecycle.stop("lab", fake_lab.store, NullReporter())
    with pytest.raises(SpecError, match=r"Kafka 4\.4\.0 created the data .* Kafka 4\.3\.1 can't read it") as refused:
        fake_lab.up(TEXT + 'kafka: {version: "4.3.1"}\n')
    assert "labctl up --name lab --kafka 4.4.0" in refused.value.hint
    assert phase(fake_lab) == "stopped"


def test_a_lab_keeps_its_nodes(fake_lab):
    """Neither a running nor a stopped lab can get other nodes."""
    fake_lab.up()
    for _ in range(2):
        with pytest.raises(SpecError, match="has the nodes broker, and would have broker-1, broker-2, broker-3"):
            up_cluster(fake_lab)
        lifecycle.stop("lab", fake_lab.store, NullReporter())
    assert fake_lab.up().status == "passed"


def test_render_does_not_hide_changed_settings(fake_lab):
    """`up` still changes the nodes after `labctl render` has written the new files into the lab's folder."""
    fake_lab.up()
    changed = TEXT + "kafka: {config: {background.threads: 4}}\n"
    record = fake_lab.store.load("lab")
    for path, text in render(make_plan(parse_spec(changed), record.runtime, FACTS, record.identity)).items():
        (fake_lab.folder / path).write_text(text)
    fake_lab.up(changed)
    assert fake_lab.runtime.stopped == ["broker"]


def test_topics_get_more_partitions_and_other_settings(fake_lab):
    """No node is restarted. A setting that lab.yaml has no more gets Kafka's default."""
    fake_lab.up(KEPT_TOPIC)
    fake_lab.up(TEXT + "topics: [{name: t, partitions: 5, config: {retention.ms: 2000, cleanup.policy: compact}}]\n")
    assert fake_lab.kafka.created_topics["t"] == (5, 1, {"retention.ms": "2000", "cleanup.policy": "compact"})
    fake_lab.up(TEXT + "topics: [{name: t, partitions: 5, config: {retention.ms: 2000}}]\n")
    assert fake_lab.kafka.created_topics["t"] == (5, 1, {"retention.ms": "2000"})
    assert fake_lab.runtime.stopped == []


def test_a_setting_of_a_topic_that_somebody_else_changed(fake_lab):
    """`up` sets what lab.yaml has, and leaves what it does not have."""
    fake_lab.up(KEPT_TOPIC)
    fake_lab.kafka.created_topics["t"][2].update({"retention.ms": "7", "segment.ms": "8"})
    fake_lab.up(KEPT_TOPIC)
    assert fake_lab.kafka.created_topics["t"][2] == {"retention.ms": "1000", "segment.ms": "8"}


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("partitions: 2", "topic t has 3 partitions, and Kafka can't remove any"),
        ("replication_factor: 1", "topic t has 3 replicas of each partition, and keeps them"),
    ],
)
def test_what_a_topic_keeps(fake_lab, topic, problem):
    """Kafka can't change it: refused for a running and for a stopped lab, before anything starts."""
    fake_lab.up(CLUSTER + "}\ntopics: [{name: t}]\n")
    for _ in range(2):
        with pytest.raises(SpecError, match=problem):
            fake_lab.up(CLUSTER + f"}}\ntopics: [{{name: t, {topic}}}]\n")
        lifecycle.stop("lab", fake_lab.store, NullReporter())


def test_reset_keeps_the_settings_of_lab_yaml(fake_lab):
    """Those that were changed while the lab ran too."""
    up_cluster(fake_lab)
    up_cluster(fake_lab, "log.retention.ms: 5")
    fake_lab.kafka.settings = {("broker", ""): ("log.retention.ms", "log.segment.bytes")}
    removed = lifecycle.reset("lab", fake_lab.store, NullReporter())
    assert removed["setting"] == ["log.segment.bytes of all brokers"]
    assert fake_lab.kafka.broker_settings == {"log.retention.ms": "5"}
