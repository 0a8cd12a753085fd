"""Drills: what they do to which node, what they wait for, what they record, and how a report shows that."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labctl.drills.scene import Nodes, Scene
from labctl.drills.table import DRILLS, drill_named
from labctl.drills.timeline import longest_gap, rates
from labctl.errors import ReadinessTimeout, SpecError
from labctl.report import FORMATS
from labctl.report.drills import COLUMNS, drawn_runs, failed_requests, rows
from labctl.results import DrillEvent, DrillResult, DrillRun
from tests.fake_lab import pass_time
from tests.fakes import FakeKafka, a_plan
from tests.sample_run import RUN


class Cluster:
    """Three nodes whose Kafka reports a node as absent while something is done to it."""

    def __init__(self, text="kafka: {brokers: 3}"):
        self.plan = a_plan(text)
        self.kafka = FakeKafka(self.plan)
        self.kafka.created_topics = {"drilled": (3, 3, {}), "orders": (3, 3, {})}
        self.done = []
        self.written = 0
        self.traffic = SimpleNamespace(acknowledged=self._acknowledged, commits=[1.0])

    def _acknowledged(self):
        self.written += 100
        return [self.written] * 3

    def _act(self, verb, *, ends):
        ids = {node.name: node.id for node in self.plan.nodes}

        def act(name):
            self.done.append(f"{verb} {name}")
            (self.kafka.absent.add if ends else self.kafka.absent.discard)(ids[name])

        return act

    def scene(self):
        nodes = Nodes(
            brokers={node.id: node.name for node in self.plan.brokers},
            voters={node.id: node.name for node in self.plan.voters},
            stop=self._act("stop", ends=True),
            kill=self._act("kill", ends=True),
            isolate=self._act("isolate", ends=True),
            rejoin=self._act("rejoin", ends=False),
            start=self._act("start", ends=False),
            memory=lambda: {"broker-1": 300 << 20},
            upgrade=lambda: iter([("broker-1", 4.0), ("broker-2", 4.5)]),
            connect=lambda _brokers, _seconds: self.kafka,  # type: ignore[arg-type, return-value]
        )
        return Scene(nodes, "drilled", self.traffic, 250)  # type: ignore[arg-type]


@pytest.fixture
def cluster(monkeypatch):
    """Return a cluster in which waits take no time."""
    pass_time(monkeypatch)
    return Cluster()


@pytest.mark.parametrize(
    ("drill", "done"),
    [
        ("leader", ["kill broker-1", "start broker-1"]),
        ("controller", ["kill broker-1", "start broker-1"]),
        ("broker", ["stop broker-1", "start broker-1"]),
        ("isolate", ["isolate broker-1", "rejoin broker-1"]),
        ("partitions", ["kill broker-1", "start broker-1"]),
        ("rolling", [f"{verb} broker-{number}" for number in (3, 2, 1) for verb in ("stop", "start")]),
    ],
)
def test_what_a_drill_does(cluster, drill, done):
    """It leaves every node as it was, and records the fault, its effects and the repair."""
    scene = cluster.scene()
    DRILLS[drill].run(scene)
    assert cluster.done == done
    assert cluster.kafka.absent == set()
    kinds = [event.kind for event in scene.events]
    assert set(kinds) == {"fault", "effect", "repair"}
    assert kinds[-1] == "repair"
    assert set(cluster.kafka.created_topics) == {"drilled", "orders"}
    assert len(scene.recoveries) >= len(done) // 2


def test_an_upgrade_is_recorded_node_by_node(cluster):
    """What upgrades them is given to the drill."""
    scene = cluster.scene()
    DRILLS["upgrade"].run(scene)
    assert [event.text for event in scene.events] == [
        "broker-1 runs the new Kafka, 4.0 s after its stop began",
        "broker-2 runs the new Kafka, 4.5 s after its stop began",
    ]


def test_isolated_controllers_are_rolled_first(monkeypatch):
    """Then the brokers."""
    pass_time(monkeypatch)
    cluster = Cluster("kafka: {brokers: 3, controllers: 3}")
    assert DRILLS["rolling"].run(cluster.scene()) == "6 nodes"
    assert [text for text in cluster.done if text.startswith("stop")] == [
        *(f"stop controller-{number}" for number in (3, 2, 1)),
        *(f"stop broker-{number}" for number in (3, 2, 1)),
    ]


def test_a_drill_whose_effect_never_comes_ends_with_what_was_observed(cluster):
    """It does not wait forever."""
    scene = cluster.scene()
    cluster.traffic.acknowledged = lambda: [7, 7, 7]
    with pytest.raises(ReadinessTimeout, match=r"expected acknowledged records .*drilled-0 accepts no"):
        DRILLS["leader"].run(scene)


def test_many_partitions_are_there_when_each_replica_has_its_log(cluster):
    """The leader is not killed before: Kafka reports a full ISR earlier."""
    scene = cluster.scene()
    cluster.kafka.log_counts = lambda _topic, _partitions: Counter({0: 3, 1: 2})
    with pytest.raises(ReadinessTimeout, match=r"expected a log of each replica.*drilled-0-1 has 2 of 3 logs"):
        DRILLS["partitions"].run(scene)
    assert cluster.done == []


def test_an_unknown_drill():
    """The error has the names."""
    with pytest.raises(SpecError, match="there is no drill flood; there are leader, controller, broker"):
        drill_named("flood")


def test_the_longest_gap_counts_both_ends():
    """A writer that never writes again has a gap until the end."""
    assert longest_gap([1.0, 1.5, 4.0], 1.0, 4.5) == 2.5
    assert longest_gap([1.0, 1.5], 1.0, 9.0) == 7.5
    assert longest_gap([], 1.0, 3.0) == 2.0
    assert longest_gap([0.0, 99.0], 1.0, 3.0) == 2.0


def test_rates_count_each_tenth_of_a_second():
    """Those without a record are zero."""
    assert rates([0.0, 0.05, 0.25], [0.11], 0.3) == ((0.0, 2, 0), (0.1, 0, 1), (0.2, 1, 0), (0.3, 0, 0))


def a_run(recovery=9.0, lost=0):
    """Return a run with a fault, an effect and a repair."""
    events = (
        DrillEvent(1.0, "fault", "broker-1 killed"),
        DrillEvent(1.0 + recovery, "effect", "partitions led: 0 by 2"),
        DrillEvent(12.0, "repair", "broker-1 started"),
    )
    return DrillRun("broker-1", 13.0, recovery, recovery + 0.1, recovery, 1.0, 1000, 1001, lost, 0, 0,
                    {"KafkaTimeoutError": 2}, events, rates([0.5, 12.5], [0.6], 13.0))  # fmt: skip


def test_several_runs_have_a_median_and_a_maximum():
    """Numbers of records too."""
    drill = DrillResult("leader", "passed", "fine", (a_run(2.0), a_run(4.0), a_run(9.0)))
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows(drill)]
    assert [row["run"] for row in found] == ["1", "2", "3", "median", "maximum"]
    assert [row["recovery s"] for row in found] == ["2.00", "4.00", "9.00", "4.00", "9.00"]
    assert found[-1]["acknowledged"] == "1,000"
    assert failed_requests(drill) == {"KafkaTimeoutError": 6}
    assert len(rows(DrillResult("leader", "passed", "fine", (a_run(),)))) == 1


def test_a_drawing_has_a_point_for_each_rate_and_a_mark_for_each_event():
    """Inside its view box."""
    (drawn,) = drawn_runs(DrillResult("leader", "passed", "fine", (a_run(),)))
    assert len(drawn.written.split()) == len(a_run().rates)
    assert [mark.number for mark in drawn.marks] == [1, 2, 3]
    assert all(0 <= mark.x <= 1000 for mark in drawn.marks)
    assert drawn.ticks[0] == (0.0, "0 s")


@pytest.mark.parametrize("form", ["terminal", "md", "html", "json"])
def test_every_report_has_the_drill(form):
    """With its runs, and with the requests that failed."""
    drill = DrillResult("leader", "failed", "1,000 acknowledged records: 3 lost", (a_run(lost=3),))
    text = FORMATS[form](replace(RUN, command="drill", drills=(drill,), status="failed"))
    assert "3 lost" in text
    assert "broker-1" in text
    assert "KafkaTimeoutError" in text
    if form == "html":
        assert "<polyline" in text
        assert "partitions led: 0 by 2" in text
