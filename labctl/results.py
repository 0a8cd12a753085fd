"""What a run found, as plain data: the model behind every format of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["passed", "failed", "error", "skipped"]
RunStatus = Literal["passed", "failed", "error"]
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class RuntimeResult:
    """The runtime that was used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListenerResult:
    """A listener of a node: the bound address ("": all addresses of the node), and the advertised one (None: none)."""

    name: str
    protocol: str
    bind: str
    port: int
    advertised: str | None


@dataclass(frozen=True, slots=True)
class NodeResult:
    """A node as it was last observed. Memory in bytes; `swarm_node` is the node of a swarm on which it runs."""

    name: str
    id: int
    roles: tuple[str, ...]
    state: str
    detail: str = ""
    memory: int | None = None
    listeners: tuple[ListenerResult, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    swarm_node: str | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as the cluster describes it: ids of brokers; the leader is -1 where there is none."""

    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]

    def problem(self, topic: str) -> str:
        """Return what is wrong with this partition of `topic`, or "": it has a leader, and every replica in the ISR."""
        if self.leader < 0:
            return f"{topic}-{self.number} has no leader"
        if set(self.in_sync) != set(self.replicas):
            return f"{topic}-{self.number} has {len(self.in_sync)} of {len(self.replicas)} replicas in the ISR"
        return ""


@dataclass(frozen=True, slots=True)
class TopicResult:
    """A topic of the lab as it was last observed."""

    name: str
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, slots=True)
class UiResult:
    """The web page as it was last observed: `kind` page or kafbat, `state` running, exited or missing.

    Memory in bytes.
    """

    kind: str
    url: str
    state: str
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """A service as it was last observed: `kind` as in lab.yaml, `state` running, exited or missing. Memory in bytes."""

    name: str
    kind: str
    url: str
    state: str
    detail: str = ""
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class MachineResult:
    """The machine that labctl ran on. Memory in bytes."""

    system: str
    cpus: int
    memory_total: int
    memory_available: int


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where clients connect: HOST:PORT lists, and the web page's URL."""

    external: str
    internal: str | None
    ui: str | None


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step of the run, or a part of one, with the step's name first: `ready: LAYER`, `restart: NODE`.

    `seconds` is how long it took, `at` when it began, in seconds from the start of the run, both by a monotonic clock.
    """

    name: str
    status: Status
    seconds: float
    attempts: int = 1
    detail: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check: passed, failed (the lab did not behave as expected), error (it could not run) or skipped (see `detail`).

    Times as in StepResult.
    """

    name: str
    status: Status
    seconds: float
    detail: str
    evidence: tuple[str, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class DrillEvent:
    """Something that happened in a drill: a fault, its effect in the cluster, or a repair.

    `at` in seconds from the start of the drill's run.
    """

    at: float
    kind: Literal["fault", "effect", "repair"]
    text: str


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One run of a drill, and what became of the records. All times in seconds.

    `recovery` is the time from the fault until Kafka reports a leader for everything again. A gap is the longest time
    without an acknowledged write, a read, or a commit of the group. `failed` counts the requests that failed, by the
    name of their error. `rates` has (time, acknowledged records, read records) of each tenth of a second.
    """

    target: str
    seconds: float
    recovery: float | None
    write_gap: float
    read_gap: float
    commit_gap: float
    acknowledged: int
    read: int
    lost: int
    duplicated: int
    out_of_order: int
    failed: Mapping[str, int] = field(default_factory=dict)
    events: tuple[DrillEvent, ...] = ()
    rates: tuple[tuple[float, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DrillResult:
    """A drill: passed, failed (records were lost, duplicated or out of order) or error (see `detail`)."""

    name: str
    status: Status
    detail: str
    runs: tuple[DrillRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a run failed, and what to try.

    `fault` is its name in docs/faults.md; "" where it is none of those, and then `evidence` quotes the logs of the
    nodes, the most informative line first.
    """

    cause: str
    remedy: str
    fault: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """One complete `up`, `check`, `run` or `drill`."""

    schema_version: int
    labctl_version: str
    lab: str
    command: str
    runtime: RuntimeResult | None
    kafka_version: str | None
    status: RunStatus
    started_at: str
    seconds: float
    nodes: tuple[NodeResult, ...] = ()
    endpoints: Endpoints | None = None
    ui: UiResult | None = None
    services: tuple[ServiceResult, ...] = ()
    steps: tuple[StepResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    drills: tuple[DrillResult, ...] = ()
    diagnosis: tuple[Diagnosis, ...] = ()
    topics: tuple[TopicResult, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: MachineResult | None = None
    files: tuple[str, ...] = field(default=())
    bundle: str | None = None  # the folder with everything that is known of a failure
