"""The services of a lab: when they are ready, how they are emptied, and what the checks are given of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial

from labctl.checks.context import ConnectAccess, Unavailable
from labctl.diagnostics.diagnosis import root_cause
from labctl.errors import NodeDied, ReadinessTimeout
from labctl.lab.existing import ExistingLab
from labctl.plan.model import LabPlan, ServicePlan
from labctl.results import StepResult
from labctl.runtime.base import NodeState, Runtime
from labctl.service_kinds import SERVICES
from labctl.services.readiness import probe, require_response
from labctl.services.schema_registry import delete_subjects
from labctl.system.waiting import Deadline, NotReady, wait_until

LOG_TAIL = 2000  # lines
CHECK_SECONDS = 0.5  # between two looks at the service's process


def wait_for_services(plan: LabPlan, runtime: Runtime, deadline: Deadline) -> Iterator[StepResult]:
    """Wait until each service responds; yield each when it does.

    Raises NodeDied where one ended, ReadinessTimeout; HostError or RuntimeFailed where the runtime does not respond.
    """
    for service in plan.services:
        started = time.monotonic()
        watch = _Watch(runtime, service)
        title = SERVICES[service.kind].title
        try:
            waited = wait_until(
                partial(watch.probe), what=f"{title}: expected a response at {service.url}", deadline=deadline
            )
        except ReadinessTimeout as error:
            hint = f"allow more time (--timeout), or examine it: labctl up --keep, then labctl logs {service.name}"
            raise ReadinessTimeout(error.message, hint) from error
        seconds = round(time.monotonic() - started, 3)
        yield StepResult(f"services: {service.name}", "passed", seconds, waited.attempts, waited.result)


class _Watch:
    """Probes a service, and now and then whether it still runs."""

    def __init__(self, runtime: Runtime, service: ServicePlan) -> None:
        self._runtime = runtime
        self._service = service
        self._next = time.monotonic() + CHECK_SECONDS

    def probe(self) -> str:
        """Return the address at which the service responds. Raises NotReady, NodeDied where it ended."""
        try:
            require_response(self._service)
            if self._service.login_file:
                self._require_running()  # its password is for itself alone, not for whoever has its port
            return probe(self._service)
        except NotReady:
            if time.monotonic() >= self._next:
                self._require_running()
                self._next = time.monotonic() + CHECK_SECONDS
            raise

    def _require_running(self) -> None:
        """Raise NodeDied where the service ended; NotReady where the runtime could start it again."""
        state = service_state(self._runtime, self._service)
        if state.state == "running":
            return
        name, title = self._service.name, SERVICES[self._service.kind].title
        if self._runtime.start_again(name):
            raise NotReady(f"{title} was started again")
        log = self._runtime.logs(name, tail=LOG_TAIL)
        reason = f" ({state.reason})" if state.reason else ""
        raise NodeDied(f"{title} ended{reason}: {root_cause(log)}", f"read its log: labctl logs {name}")


def service_state(runtime: Runtime, service: ServicePlan) -> NodeState:
    """Return the state of a service, as its runtime observes it. Raises HostError, RuntimeFailed."""
    return next(state for state in runtime.services() if state.name == service.name)


@contextlib.contextmanager
def emptied_services(lab: ExistingLab, deadline: Deadline, subjects: list[str]) -> Iterator[None]:
    """Empty the services of a lab whose Kafka is emptied in the block; `subjects` gets those that were deleted.

    Kafka Connect does not run in the block: it has its connectors in topics. It runs afterwards, also where the block
    fails; then no subject is deleted. Raises ServiceFailed, LabError.
    """
    registry, worker = lab.plan.service("schema_registry"), lab.plan.service("connect")
    if worker:
        lab.runtime.stop([worker.name])
    try:
        yield
        if registry:
            subjects += delete_subjects(registry)
    finally:
        if worker:
            lab.runtime.up([worker.name])
    for _layer in wait_for_services(lab.plan, lab.runtime, deadline):
        pass


def restart_connect(lab: ExistingLab, deadline: Deadline) -> None:
    """Start Kafka Connect again, with the settings and the version of the plan.

    Raises NodeDied, ReadinessTimeout, HostError, RuntimeFailed.
    """
    worker = lab.plan.service("connect")
    if worker:
        lab.runtime.stop([worker.name])
        lab.runtime.up([worker.name])
        for _layer in wait_for_services(lab.plan, lab.runtime, deadline):
            pass


def service_kinds(plan: LabPlan) -> list[str]:
    """Return the kinds of the services that a lab has."""
    return [service.kind for service in plan.services]


def registry_url(plan: LabPlan) -> str | Unavailable:
    """Return the URL of the lab's schema registry, or why there is none."""
    service = plan.service("schema_registry")
    return service.url if service else Unavailable("the lab has no schema registry")


def connect_access(plan: LabPlan, runtime: Runtime) -> ConnectAccess | Unavailable:
    """Return what the checks need of the lab's Kafka Connect, or why there is none."""
    service = plan.service("connect")
    if service is None:
        return Unavailable("the lab has no Kafka Connect")
    return ConnectAccess(service, partial(runtime.exec, service.name))
