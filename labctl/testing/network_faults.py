"""Faults of the network between clients and a lab's brokers, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labctl.plan.model import LabPlan
from labctl.proxy import faults
from labctl.proxy.process import change_faults


@dataclass(frozen=True, slots=True)
class NetworkFaults:
    """What `labctl fault` does. Each method returns when the fault is in force; `node` None means all brokers.

    Each raises LabStopped where the lab has no proxy (lab.yaml: `listeners: {external: {faults: true}}`) or it does not
    run, SpecError for an unknown broker, HostError where a file can't be written, ReadinessTimeout where the proxy does
    not respond.
    """

    plan: LabPlan

    def latency(self, seconds: float, *, jitter: float = 0.0, node: str | None = None) -> None:
        """Add `seconds` to each response, plus or minus up to `jitter` seconds."""
        self._change(lambda now: faults.slow(now, seconds, jitter), node)

    def bandwidth(self, bytes_per_second: int, *, node: str | None = None) -> None:
        """Limit each connection to so many bytes a second in each direction."""
        self._change(lambda now: faults.limit(now, bytes_per_second), node)

    def cut(self, *, node: str | None = None) -> None:
        """Let connections stay open and nothing pass: clients time out."""
        self._change(faults.cut, node)

    def refuse(self, *, node: str | None = None) -> None:
        """End all connections, and refuse new ones."""
        self._change(faults.refuse, node)

    def reset(self, *, node: str | None = None) -> None:
        """End the connections that there are now, once."""
        self._change(faults.reset, node)

    def clear(self, *, node: str | None = None) -> None:
        """End all faults."""
        self._change(faults.clear, node)

    def _change(self, change: Callable[[faults.Faults], faults.Faults], node: str | None) -> None:
        change_faults(self.plan, change, node)
