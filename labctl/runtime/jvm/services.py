"""The services of a local lab: each is a JVM of this machine beside the nodes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from labctl.plan.model import LabPlan, ServicePlan
from labctl.runtime.base import NodeState, Progress
from labctl.runtime.connect_plugins import place_plugins
from labctl.runtime.jvm.jvm_options import CRASHES, SUMS, LocalKafka
from labctl.runtime.jvm.service import (
    JvmService,
    running_services,
    service_log,
    service_process,
    service_state,
    start_service,
    stop_service,
)
from labctl.runtime.jvm.service_cache import prepare_service
from labctl.service_kinds import SERVICES
from labctl.system.parallel import run_all

CONNECT = SERVICES["connect"].name
AOT, AOT_LINES = "AOT cache", 20  # what a JVM prints at its start where its cache does not fit


class LocalServices:
    """The services of a plan as processes. `files` is the folder of the plan's rendered files."""

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._files = files
        self._progress = progress
        self._prepared: dict[str, JvmService] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        """The names of the services."""
        return [service.name for service in self._plan.services]

    def prepare(self, kafka: LocalKafka) -> None:
        """Download the services, and record their AOT caches. Raises SpecError, HostError."""
        if not any(state.name == CONNECT and state.state == "running" for state in self.states()):
            place_plugins(self._plan, self._progress)
        self._prepared = {
            service.kind: prepare_service(service.kind, kafka, self._progress) for service in self._plan.services
        }

    def up(self, names: Sequence[str]) -> None:
        """Start the services called `names` that don't run. Raises OSError."""
        for service in self._chosen(names):
            if not running_services(self._plan, service):
                self._children[service.name] = start_service(
                    self._prepared[service.kind], self._plan, service, self._files / service.name
                )

    def start_again(self, name: str) -> bool:
        """Start a service without its AOT cache, where it ended because of that; return whether it was started."""
        service = self._chosen([name])[0]
        child, jvm = self._children.get(name), self._prepared.get(service.kind)
        if child is None or jvm is None or not jvm.cache or child.poll() in {None, 0}:
            return False
        if child.returncode not in CRASHES and AOT not in service_log(self._plan, service).read(AOT_LINES):
            return False
        self._progress.note(f"the JVM of {name} ended: starting it again without its cache")
        (Path(jvm.cache).parent / SUMS).unlink(missing_ok=True)  # the next `up` records it again
        self._prepared[service.kind] = replace(jvm, cache="")
        self.up([name])
        return True

    def stop(self, names: Sequence[str], seconds: float) -> None:
        """Send SIGTERM to the services called `names` in parallel, SIGKILL to those that don't end."""
        chosen = self._chosen(names)
        run_all([partial(stop_service, self._plan, service, seconds) for service in chosen], len(chosen))

    def down(self) -> list[str]:
        """Kill all services, and return what was killed. Raises HostError where a file can't be deleted."""
        return [text for service in self._plan.services for text in service_process(self._plan, service).stop()]

    def states(self) -> list[NodeState]:
        """Return the state of each service, with its memory."""
        for child in self._children.values():
            child.poll()  # one that ended is no zombie then
        return [service_state(self._plan, service) for service in self._plan.services]

    def _chosen(self, names: Sequence[str]) -> list[ServicePlan]:
        return [service for service in self._plan.services if service.name in names]
