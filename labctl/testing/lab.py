"""A lab as a context manager: up and verified in the block, removed after it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from labctl.errors import LabError
from labctl.kafka.client_settings import client_variables
from labctl.lab.existing import connect, open_lab
from labctl.lab.lifecycle import down, reset, up
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest, preset_spec
from labctl.plan.model import LabPlan
from labctl.spec.loader import load_spec, with_overrides
from labctl.spec.model import ListenersSpec, UiSpec
from labctl.state.store import LabStore
from labctl.system.processes import ProcessId
from labctl.testing.network_faults import NetworkFaults


class Lab:
    """A Kafka lab on free ports. `file` is a lab.yaml, else `preset` is the name of a preset.

    `checks` is none, quick or full; with `faults` the lab has a proxy, and `fault` breaks its network. `owner` is the
    process for which the lab lives (default: this one): `labctl gc` removes the lab when it has ended. Raises SpecError
    where the file or an argument is wrong. Entering the block raises what `up` raises: SpecError, HostError,
    RuntimeFailed, NodeDied, ReadinessTimeout, KafkaFailed; and LabError where a check fails. Leaving it raises what
    `down` raises: HostError, RuntimeFailed, SpecError, LabError.
    """

    def __init__(
        self,
        preset: str = "homework",
        *,
        file: Path | None = None,
        kafka: str | None = None,
        runtime: str | None = None,
        checks: str = "quick",
        faults: bool = False,
        name: str | None = None,
        owner: ProcessId | None = None,
    ) -> None:
        self.name = name or f"test-{uuid.uuid4().hex[:10]}"
        spec = load_spec(file, trusted=True) if file else preset_spec(preset)  # its tests are code anyway
        spec = spec.model_copy(update={"ui": UiSpec(kind="none")})
        if faults:
            external = spec.listeners.external.model_copy(update={"faults": True})
            spec = spec.model_copy(update={"listeners": ListenersSpec(external=external)})
        self._spec = with_overrides(
            spec, name=self.name, ports="auto", kafka=kafka, runtime=runtime, checks=checks, trusted=True
        )
        self._owner = owner or ProcessId.of(os.getpid())
        self._store = LabStore()
        self._plan: LabPlan | None = None

    def __enter__(self) -> Self:
        request = LabRequest(self._spec, "", Path.cwd() / ".labctl" / self.name)
        run = up(request, self._store, NullReporter(), owner=self._owner)
        if run.status != "passed":
            failed = [f"{check.name}: {check.detail}" for check in run.checks if check.status in {"failed", "error"}]
            self.__exit__()
            raise LabError(f"the lab did not pass its checks: {'; '.join(failed)}", f"see {run.bundle}")
        self._plan = open_lab(self.name, self._store, NullReporter()).plan
        return self

    def __exit__(self, *_: object) -> None:
        down(self.name, self._store, NullReporter())

    @property
    def plan(self) -> LabPlan:
        """The plan of the lab. Raises LabError where it is not up."""
        if self._plan is None:
            raise LabError(f"the lab {self.name} is not up", "enter it: with Lab() as lab")
        return self._plan

    @property
    def bootstrap(self) -> str:
        """HOST:PORT[,HOST:PORT…] for clients on this machine. Raises LabError where the lab is not up."""
        return self.plan.bootstrap

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables for programs: KAFKA_BOOTSTRAP_SERVERS and others. Raises LabError where it is down."""
        return client_variables(self.plan)

    @property
    def fault(self) -> NetworkFaults:
        """Faults of the network between clients and the lab's brokers. Raises LabError where it is not up."""
        return NetworkFaults(self.plan)

    def reset(self) -> None:
        """Empty the lab: no transactions, groups, changed settings and quotas; its own topics, users and ACLs alone.

        Raises LabStopped where it does not run, KafkaFailed where a program still uses it; ReadinessTimeout, NodeDied,
        HostError, RuntimeFailed, SpecError, LabError as `labctl.lab.lifecycle.reset`.
        """
        reset(self.name, self._store, NullReporter())

    def topic(self, partitions: int = 1, prefix: str = "test") -> str:
        """Create an empty topic, and return its name.

        Raises LabError where the lab is not up, KafkaFailed where Kafka refuses, HostError where its password can't be
        read.
        """
        name = f"{prefix}-{uuid.uuid4().hex[:10]}"
        with connect(self.plan) as client:
            client.create_topics({name: (partitions, self.plan.internal_replication_factor, {})})
        return name
