"""A lab as a context manager: up and checked inside, taken away behind."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from labctl.environment import client_variables
from labctl.errors import LabError
from labctl.lab import Wish, connect, down, open_lab, reset, up
from labctl.plan import LabPlan
from labctl.processes import ProcessId
from labctl.render import render_template
from labctl.runlog import Silent
from labctl.spec import UiSpec, load_spec, overridden, parse_spec
from labctl.store import LabStore


class Lab:
    """A Kafka lab on free ports. `file` is a lab.yaml, else `preset` names a ready one.

    `checks` is none, quick or full. `owner` is the process that it lives for (default: this one): `labctl gc` takes it
    away where that is gone. Entering raises LabError: SpecError, HostError, NodeDied, ReadinessTimeout; or where a
    check fails.
    """

    def __init__(
        self,
        preset: str = "homework",
        *,
        file: Path | None = None,
        kafka: str | None = None,
        runtime: str | None = None,
        checks: str = "quick",
        name: str | None = None,
        owner: ProcessId | None = None,
    ) -> None:
        self.name = name or f"test-{uuid.uuid4().hex[:10]}"
        spec = load_spec(file) if file else parse_spec(render_template(f"init/{preset}.yaml"), f"preset {preset}")
        spec = spec.model_copy(update={"ui": UiSpec(kind="none")})
        self._spec = overridden(spec, name=self.name, ports="auto", kafka=kafka, runtime=runtime, checks=checks)
        self._owner = owner or ProcessId.of(os.getpid())
        self._store = LabStore()
        self._plan: LabPlan | None = None

    def __enter__(self) -> Self:
        wish = Wish(self._spec, "", Path.cwd() / ".labctl" / self.name)
        run = up(wish, self._store, Silent(), owner=self._owner)
        if run.status != "passed":
            wrong = [f"{one.name}: {one.detail}" for one in run.checks if one.status in {"failed", "error"}]
            self.__exit__()
            raise LabError(f"the lab did not pass its checks: {'; '.join(wrong)}", f"see {run.bundle}")
        self._plan = open_lab(self.name, self._store, Silent())[1]
        return self

    def __exit__(self, *_: object) -> None:
        down(self.name, self._store, Silent())

    @property
    def plan(self) -> LabPlan:
        """Everything that was decided about the lab. Raises LabError where it is not up."""
        if self._plan is None:
            raise LabError(f"the lab {self.name} is not up", "enter it: with Lab() as lab")
        return self._plan

    @property
    def bootstrap(self) -> str:
        """HOST:PORT[,HOST:PORT…] for clients on this machine."""
        return self.plan.external

    @property
    def environment(self) -> Mapping[str, str]:
        """KAFKA_BOOTSTRAP_SERVERS and the like, for programs."""
        return client_variables(self.plan)

    def reset(self) -> None:
        """Empty the lab: no transaction, no group, its own topics and no others, made anew. Raises KafkaFailed."""
        reset(self.name, self._store, Silent())

    def topic(self, partitions: int = 1, prefix: str = "test") -> str:
        """The name of a new, empty topic. Raises KafkaFailed."""
        name = f"{prefix}-{uuid.uuid4().hex[:10]}"
        with connect(self.plan) as client:
            client.create_topics({name: (partitions, self.plan.internal_copies, {})})
        return name
