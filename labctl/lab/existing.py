"""A lab that exists: its record, its plan, its runtime, and a client of its Kafka."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from labctl.errors import LabError, LabStopped
from labctl.kafka.client import REQUEST_SECONDS, KafkaClient
from labctl.kafka.credentials import library_settings, secrets_of
from labctl.lab.unrecorded import refuse_containers, refuse_remains
from labctl.plan.model import Decision, LabPlan
from labctl.plan.planner import make_plan
from labctl.runtime.access import open_runtime
from labctl.runtime.base import NodeState, Progress, Runtime
from labctl.services.api import login
from labctl.spec.model import LabSpec
from labctl.state.store import LabRecord, LabStore
from labctl.system import host
from labctl.system.waiting import Deadline
from labctl.webui.page.access import page_key

LOCK_SECONDS = 60  # to wait for another labctl at work on the same lab
CONNECT_SECONDS = 10  # ten labs that start at the same time leave one client little of the machine
QUORUM_SECONDS = 20.0  # a response about the quorum waits for the election of its leader
ANSWER_SECONDS = 30.0  # for a response of Kafka; 10 s were too few on a machine with ten labs


@dataclass(frozen=True, slots=True)
class ExistingLab:
    """A lab as it was created or last brought up."""

    record: LabRecord
    plan: LabPlan
    runtime: Runtime

    @property
    def folder(self) -> Path:
        """The folder beside lab.yaml for people: rendered files and reports."""
        return Path(self.record.folder)

    @property
    def files_in_use(self) -> Path:
        """The private folder with the rendered files that the nodes read."""
        return files_in_use(self.plan)

    def state(self) -> str:
        """Return running, partly running or stopped. Raises LabError where the runtime does not respond."""
        return overall_state(self.runtime.nodes())


def open_lab(name: str, store: LabStore, progress: Progress) -> ExistingLab:
    """Return the lab called `name`.

    Raises LabStopped where there is none; HostError where the state folder can't be used, or its record is lost;
    RuntimeFailed where an engine that may have it does not respond in time; LabError where another version of labctl
    wrote its record, SpecError where its spec can't run here.
    """
    record = store.load(name)
    if record is None:
        refuse_remains(name, store)
        refuse_containers(name, store)
        raise LabStopped(f"there is no lab {name}", "labctl ls lists the existing labs, labctl up creates one")
    if store.is_damaged(name):
        progress.note(f"lab.json of the lab {name} is lost or damaged: its copy is used")
    return with_spec(record, recorded_spec(record), progress)


def restore_record(record: LabRecord, store: LabStore, progress: Progress) -> None:
    """Write a lab's record again where it is lost or damaged, and report that: the caller holds the lab.

    Raises HostError.
    """
    if store.is_damaged(record.name):
        progress.note(f"lab.json of the lab {record.name} was lost or damaged: it is restored from its copy")
        store.save(record)


def files_in_use(plan: LabPlan) -> Path:
    """Return the private folder with the rendered files that the nodes of the plan read."""
    return Path(plan.state) / "files"


def with_spec(record: LabRecord, spec: LabSpec, progress: Progress) -> ExistingLab:
    """Return the lab of `record`, planned by `spec`. Raises SpecError where `spec` can't run there."""
    plan = planned(spec, record)
    return ExistingLab(record, plan, open_runtime(plan, files_in_use(plan), progress))


def planned(spec: LabSpec, record: LabRecord) -> LabPlan:
    """Return the plan of `spec` with the identity of an existing lab. Raises SpecError."""
    return make_plan(spec, record.runtime, host.gather(), record.identity)


def planned_for_docker(record: LabRecord) -> LabPlan:
    """Return the plan of the same lab for the compose runtime. Raises LabError."""
    identity = replace(record.identity, places=())
    return make_plan(recorded_spec(record), Decision("compose", "the same lab in Docker"), host.gather(), identity)


def recorded_spec(record: LabRecord) -> LabSpec:
    """Return the spec with which the lab was last brought up.

    Raises LabError where another version of labctl wrote it.
    """
    try:
        return LabSpec.model_validate(record.spec)
    except ValueError as error:
        raise LabError(
            f"the lab {record.name} was created by another version of labctl, and this one can't read it: {error}",
            "remove the lab with that version of labctl",
        ) from None


def overall_state(states: list[NodeState]) -> str:
    """Return running, partly running or stopped."""
    running = sum(state.state == "running" for state in states)
    return "running" if running == len(states) else "partly running" if running else "stopped"


def connect(
    plan: LabPlan,
    seconds: float = CONNECT_SECONDS,
    answer: float = REQUEST_SECONDS,
    brokers: Collection[int] | None = None,
) -> KafkaClient:
    """Return a client of the lab for labctl itself. Raises HostError where its password can't be read.

    `seconds` are for one attempt to connect, `answer` seconds for a response. It asks the brokers with the ids
    `brokers`, all where that is None.
    """
    return KafkaClient(plan.host_bootstrap(brokers), library_settings(plan), connect=seconds, seconds=answer)


def lab_secrets(plan: LabPlan) -> list[str]:
    """Return every password of the lab, and the key of its page. Raises HostError where a file can't be read."""
    logins = [login(service) for service in plan.services if Path(service.login_file).is_file()]
    return [*secrets_of(plan), *filter(None, [page_key(plan)]), *(found[1] for found in logins if found)]


def answer_seconds(deadline: Deadline) -> float:
    """Return how long a response of Kafka may take, in seconds."""
    return min(ANSWER_SECONDS, max(1.0, deadline.left))
