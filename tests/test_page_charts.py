"""The charts of the lab page, and its metrics: samples, lines, the text for Prometheus."""

import re
import time
from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from labctl.errors import HostError, KafkaFailed
from labctl.kafka.client import Group
from labctl.runtime.base import NodeState
from labctl.webui.page import samples as page_samples
from labctl.webui.page.charts import HEIGHT, MOST_LINES, WIDTH, charts
from labctl.webui.page.live_kafka import BrokerProbe
from labctl.webui.page.metrics import metrics_text
from labctl.webui.page.samples import Sample, Sampler
from tests.fakes import a_plan
from tests.test_page import HOME, Kafka, app_of

NOW = 1_800_000_000.0
MEBIBYTE = 2**20


def history(count=13, **changes):
    """Return a minute of samples: orders grows by 100 a second, and its group by 50."""
    return [
        replace(
            Sample(
                NOW - 5 * (count - 1 - number),
                written={"orders": 500 * number, "payments": 7},
                committed={("billing", "orders"): 250 * number},
                lag={("billing", "orders"): 250 * number},
                seconds={"broker": 0.0015},
                memory={"broker": 200 * MEBIBYTE},
            ),
            **changes,
        )
        for number in range(count)
    ]


def by_id(samples):
    return {chart.id: chart for chart in charts(samples, NOW)}


def points(line):
    return [tuple(map(float, point.split(","))) for part in line.parts for point in part.split()]


def test_what_grows_is_drawn_as_a_rate():
    """Records in by topic, records out by what groups commit; the newest value is at the right end."""
    found = by_id(history())
    orders, payments = found["in"].lines
    assert (orders.name, orders.newest, orders.highest) == ("orders", "100/s", "100/s")
    assert payments.newest == "0/s"
    assert [line.newest for line in found["out"].lines] == ["50/s"]
    assert points(orders)[-1] == (WIDTH, 0)  # 100 is the top of the scale
    assert points(payments)[-1] == (WIDTH, HEIGHT)
    assert [text for _y, text in found["in"].scale] == ["0/s", "50/s", "100/s"]


def test_what_is_a_state_is_drawn_as_it_is():
    """Lag by group, the time of a request by broker, memory by node, each with its unit."""
    found = by_id(history())
    newest = {name: [(line.name, line.newest) for line in found[name].lines] for name in ("lag", "probe", "memory")}
    assert newest == {"lag": [("billing", "3,000")], "probe": [("broker", "1.5 ms")], "memory": [("broker", "200 MiB")]}


def test_a_gap_is_not_bridged():
    """A line has two parts where the lab was stopped, and a topic that was created again starts at nothing."""
    samples = history(20)
    (line,) = by_id(samples[:5] + samples[12:])["probe"].lines
    assert [len(part.split()) for part in line.parts] == [5, 8]
    again = [*samples[:10], *(replace(sample, written={"orders": 10}) for sample in samples[10:])]
    line = by_id(again)["in"].lines[0]
    assert min(y for _x, y in points(line)) >= 0
    assert max(y for _x, y in points(line)) <= HEIGHT


def test_a_group_that_appears_is_no_peak():
    """Its offsets were committed before: as after the end of its coordinator."""
    samples = history()
    samples[-1] = replace(samples[-1], committed={**samples[-1].committed, ("late", "orders"): 1_000_000})
    (line,) = by_id(samples)["out"].lines
    assert (line.newest, line.highest) == ("50/s", "50/s")


def test_what_is_not_in_the_newest_sample_is_unknown():
    """A broker that stopped has no request time now."""
    samples = history()
    samples[-1] = replace(samples[-1], seconds={"broker": None})
    (line,) = by_id(samples)["probe"].lines
    assert (line.newest, line.highest) == ("unknown", "1.5 ms")


@pytest.mark.parametrize(
    ("count", "clock"),
    [
        (2, ["-1 min", "-40 s", "-20 s", "now"]),
        (30, ["-3 min", "-2 min", "-1 min", "now"]),
        (100, ["-15 min", "-10 min", "-5 min", "now"]),
    ],
)
def test_a_young_lab_has_a_shorter_time(count, clock):
    """Two samples fill the width of a minute, not of fifteen."""
    chart = by_id(history(count))["probe"]
    assert [text for _x, text in chart.clock] == clock
    assert points(chart.lines[0])[-1][0] == WIDTH


def test_old_samples_and_small_lines_are_left_out():
    """The drawing has 15 minutes, and as many lines as there are colours: the largest."""
    assert by_id(history(count=3, at=NOW - 1000))["probe"].lines == ()
    many = {("g" * (number + 1), "t"): number for number in range(10)}
    chart = by_id(history(count=3, lag=many))["lag"]
    assert len(chart.lines) == MOST_LINES
    assert chart.more == 4
    assert "g" * 10 in [line.name for line in chart.lines]


def test_without_samples_there_are_no_lines():
    """The first moments of a lab."""
    assert [chart.lines for chart in charts([], NOW)] == [()] * 5
    assert by_id(history(count=1))["in"].lines == ()


# -- taking samples --------------------------------------------------------------


class Nodes:
    """A runtime that knows the memory of its nodes."""

    asked = 0

    def nodes(self, *, memory=False):
        assert memory
        self.asked += 1
        return [NodeState("broker", "running", memory=5), NodeState("other", "exited")]


@pytest.fixture
def kafka():
    kafka: Any = Kafka(a_plan("name: lab\n"))
    kafka.create_topics({"orders": (3, 1, {}), "__consumer_offsets": (50, 1, {})})
    kafka.produce("orders", [(None, b"a"), (None, b"b"), (None, b"c")])
    kafka.members = {"billing": 1}
    kafka.groups = lambda _brokers=None: {"billing": Group("classic", "Stable")}
    kafka.committed_offsets = lambda _group: {("orders", 0): 2}
    return kafka


def test_a_sample_has_topics_groups_brokers_and_nodes(kafka):
    """Kafka's own topics are left out; memory is measured every third time."""
    nodes = Nodes()
    sampler = Sampler(kafka.plan, cast("Any", kafka), cast("Any", lambda: nodes))
    for _ in range(4):
        sample = sampler.take()
    assert (sample.written, sample.committed) == ({"orders": 3}, {("billing", "orders"): 2})
    assert sample.lag == {("billing", "orders"): 1}
    assert sample.memory == {"broker": 5}
    assert list(sample.seconds) == ["broker"]
    assert nodes.asked == 2
    assert len(sampler.samples()) == 4


def test_what_does_not_respond_is_not_in_the_sample(kafka, monkeypatch):
    """Neither Kafka nor the engine ends the sampling."""

    def fails(*_args, **_options):
        raise KafkaFailed("no")

    def no_engine(**_options):
        raise HostError("no")

    nodes = Nodes()
    monkeypatch.setattr(kafka, "probe", lambda: {1: BrokerProbe("nothing listens", 0.1)})
    monkeypatch.setattr(kafka, "connected", fails)
    monkeypatch.setattr(nodes, "nodes", no_engine)
    sample = Sampler(kafka.plan, cast("Any", kafka), cast("Any", lambda: nodes)).take()
    assert sample == Sample(sample.at, seconds={"broker": None})


def test_too_many_topics_and_groups_are_left_out(kafka, monkeypatch):
    """The page must not keep Kafka busy; it says what it left out."""
    monkeypatch.setattr(page_samples, "MOST_PARTITIONS", 5)
    monkeypatch.setattr(page_samples, "MOST_GROUPS", 0)
    kafka.create_topics({"payments": (3, 1, {})})
    sample = Sampler(kafka.plan, cast("Any", kafka), cast("Any", Nodes)).take()
    assert sample.left_out == ["1 topics", "1 groups"]
    assert list(sample.written) == ["orders"]


def test_a_topic_without_a_leader_has_a_gap(kafka):
    """The sum of the others would look as if records had vanished."""
    kafka.leaderless = {1}
    assert Sampler(kafka.plan, cast("Any", kafka), cast("Any", Nodes)).take().written == {}
    kafka.leaderless = {0}
    assert Sampler(kafka.plan, cast("Any", kafka), cast("Any", Nodes)).take().lag == {}


# -- the page and the metrics ----------------------------------------------------


def test_the_page_draws_the_charts(kafka, tmp_path):
    """A drawing and a table for each, and nothing that the page's policy forbids."""
    samples = [replace(sample, at=sample.at - NOW + time.time()) for sample in history()]
    page = TestClient(app_of(kafka, tmp_path, samples=samples), base_url=HOME)
    text = page.get("/charts").text
    assert text.count('<svg class="chart"') == 5
    assert text.count("<polyline") >= 10
    assert " style=" not in text
    assert "100/s" in text
    empty = TestClient(app_of(kafka, tmp_path), base_url=HOME).get("/charts").text
    assert empty.count("Nothing yet.") == 5


def test_prometheus_reads_the_metrics(kafka, tmp_path):
    """Its own parser does, names with quotes too."""
    strange = history(written={'a"b': 5}, seconds={"broker-1": 0.25, "broker-2": None})
    response = TestClient(app_of(kafka, tmp_path, samples=strange), base_url=HOME).get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
    assert found["labctl_topic_offsets_total", 'a"b'] == 5
    assert found["labctl_group_lag", "billing", "orders"] == 3000
    assert (found["labctl_broker_responds", "broker-1"], found["labctl_broker_responds", "broker-2"]) == (1, 0)
    assert found["labctl_broker_request_seconds", "broker-1"] == 0.25
    assert found["labctl_node_memory_bytes", "broker"] == 200 * MEBIBYTE
    assert re.search(r'labctl_lab_info{.*kafka_version="4.4.0".*} 1.0', response.text)


def test_the_metrics_before_the_first_sample():
    """The lab's own line, and no figure that was not measured."""
    text, _kind = metrics_text(a_plan("name: lab\n"), None)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'labctl_lab_info{kafka_version="4.4.0",name="lab",runtime="local"} 1.0'
    ]
