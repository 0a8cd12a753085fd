"""A lab whose runtime and Kafka are fakes."""

import json
import time

from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore
from tests.fakes import FakeKafka, FakeRuntime

TEXT = "name: lab\nlisteners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\ntimeout: 1\n"


def pass_time(monkeypatch):
    """Let `time.sleep` return at once, with the clock as late as if it had slept. Return the list of its pauses."""
    pauses, passed, now = [], 0.0, time.monotonic

    def sleep(seconds):
        nonlocal passed
        pauses.append(seconds)
        passed += seconds

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: now() + passed)
    return pauses


class FakeLab:
    """A lab whose runtime and Kafka are fakes, created on first use and kept, as a machine keeps processes."""

    def __init__(self, monkeypatch, tmp_path):
        self.monkeypatch = monkeypatch
        self.store = LabStore(tmp_path / "s")
        self.folder = tmp_path / "work" / ".labctl" / "lab"
        self.runtime = self.kafka = None
        self.dies, self.restartable, self.refuses, self.on_up = {}, (), {}, None
        monkeypatch.setattr("labctl.runtime.jvm.entry.open_runtime", self._open)
        for module in ("existing", "check_contexts"):
            monkeypatch.setattr(f"labctl.lab.{module}.KafkaClient", lambda *_args, **_kwargs: self.kafka)
        for module in ("readiness", "cluster_view"):
            monkeypatch.setattr(f"labctl.lab.{module}.connection_error", lambda *_: None)
        pass_time(monkeypatch)

    def _open(self, plan, _files, _progress):
        if self.runtime is None:
            self.runtime = FakeRuntime(plan, dies=self.dies, restartable=self.restartable)
            self.kafka = FakeKafka(plan, self.refuses)
        self.runtime.plan = self.kafka.plan = plan
        if self.on_up:
            self.monkeypatch.setattr(self.runtime, "up", self.on_up)
        return self.runtime

    def up(self, text=TEXT, source="/lab.yaml", **options):
        return lifecycle.up(LabRequest(parse_spec(text), source, self.folder), self.store, NullReporter(), **options)

    def last_report(self):
        """Return the newest report.json."""
        return json.loads((self.folder / "report.json").read_text())
