"""The newest sample in the format of Prometheus, by its own library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from labctl.plan.model import LabPlan
from labctl.webui.page.samples import Sample

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # of Prometheus' text format, which `generate_latest` writes


def metrics_text(plan: LabPlan, sample: Sample | None) -> tuple[str, str]:
    """Return the metrics as text, and its media type. Without a sample there is the lab's own line alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(plan, sample or Sample(0.0)))
    return generate_latest(registry).decode(), MEDIA_TYPE


@dataclass(frozen=True, slots=True, eq=False)  # the registry keeps it in a dict
class _Metrics:
    """A collector of prometheus_client."""

    plan: LabPlan
    sample: Sample

    def collect(self) -> Iterator[Metric]:
        plan, sample = self.plan, self.sample
        facts = {"name": plan.name, "kafka_version": plan.kafka_version, "runtime": plan.runtime.name}
        yield InfoMetricFamily("labctl_lab", "The lab.", value=facts)
        written = CounterMetricFamily(
            "labctl_topic_offsets", "Offsets that were written, all partitions.", labels=["topic"]
        )
        for topic, count in sample.written.items():
            written.add_metric([topic], count)
        yield written
        by_group = ["group", "topic"]
        committed = CounterMetricFamily(
            "labctl_group_committed", "Offsets that the group has committed.", labels=by_group
        )
        for key, count in sample.committed.items():
            committed.add_metric(key, count)
        yield committed
        lag = GaugeMetricFamily("labctl_group_lag", "Records that the group has not committed.", labels=by_group)
        for key, count in sample.lag.items():
            lag.add_metric(key, count)
        yield lag
        yield from self._brokers()
        memory = GaugeMetricFamily("labctl_node_memory_bytes", "Resident memory of the node.", labels=["node"])
        for node, size in sample.memory.items():
            memory.add_metric([node], size)
        yield memory

    def _brokers(self) -> Iterator[Metric]:
        responds = GaugeMetricFamily(
            "labctl_broker_responds", "1: the broker responds, 0: it does not.", labels=["broker"]
        )
        seconds = GaugeMetricFamily(
            "labctl_broker_request_seconds", "Until a new connection has the response to a request.", labels=["broker"]
        )
        for broker, taken in self.sample.seconds.items():
            responds.add_metric([broker], taken is not None)
            if taken is not None:
                seconds.add_metric([broker], taken)
        yield responds
        yield seconds
