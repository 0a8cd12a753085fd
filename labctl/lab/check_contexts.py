"""What the checks of a lab are given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from labctl import checks
from labctl.checks.context import (
    CheckContext,
    CheckTarget,
    ConsoleAccess,
    ExpectedState,
    LabAccess,
    SecureLab,
    Unavailable,
    WebPage,
)
from labctl.constants import ADMIN
from labctl.kafka.broker_settings import node_settings
from labctl.kafka.client import KafkaClient
from labctl.kafka.credentials import library_settings, password
from labctl.kafka.security_settings import ca_file
from labctl.lab.existing import CONNECT_SECONDS, ExistingLab, answer_seconds
from labctl.plan.model import LabPlan
from labctl.runtime.base import Runtime
from labctl.system.waiting import Deadline
from labctl.webui.page.access import page_key
from labctl.webui.page.process import page_runs


def lab_context(lab: ExistingLab, client: KafkaClient, deadline: Deadline, *, works: bool = True) -> CheckContext:
    """Return what a check of the lab is given. Raises HostError.

    Where not every node `works`, what the others are late with is not waited for until the deadline.
    """
    plan, runtime = lab.plan, lab.runtime
    timeout = answer_seconds(deadline)
    node = plan.brokers[0]
    secure = secure_lab(plan, timeout)
    return CheckContext(
        run=checks.new_run(),
        target=CheckTarget(
            plan.bootstrap, client, timeout, plan.internal_replication_factor, deadline if works else None
        ),
        expected=ExpectedState(plan.cluster_id, frozenset(voter.id for voter in plan.voters), plan.topics),
        console=ConsoleAccess(
            plan.internal_bootstrap,
            lambda argv, stdin, seconds: runtime.exec(node.name, argv, stdin, seconds),
            plan.kafka_version,
            f"{secure.secrets}/{ADMIN}.properties" if secure else None,
        ),
        page=WebPage(plan.ui.url, plan.ui.kind, plan.name, page_key(plan) if page_runs(plan) else None)
        if plan.ui.url
        else Unavailable(plan.ui.reason),
        lab=LabAccess(secure, lambda broker: _stopped_broker(plan, runtime, broker)),
    )


def secure_lab(plan: LabPlan, timeout: float) -> SecureLab | None:
    """Return what the checks need of a lab with security, whose users' clients wait `timeout` seconds for an answer.

    None in a plaintext lab. Raises HostError where a password can't be read.
    """
    if plan.security is None:
        return None
    users = {user: library_settings(plan, user) for user in plan.security.users}
    return SecureLab(
        plan=plan.security,
        listeners={node.id: address for node, address in zip(plan.brokers, plan.host_addresses, strict=True)},
        controllers=tuple(f"{node.name}:{node.listener('CONTROLLER').port}" for node in plan.voters),
        secrets=plan.brokers[0].secrets_folder,
        ca=ca_file(plan),
        passwords={user: password(plan, user) for user in users},
        clients={
            user: KafkaClient(plan.host_bootstrap, settings, connect=CONNECT_SECONDS, seconds=timeout)
            for user, settings in users.items()
        },
        settings={node.id: node_settings(plan, node) for node in plan.brokers},
    )


@contextlib.contextmanager
def _stopped_broker(plan: LabPlan, runtime: Runtime, broker: int) -> Iterator[None]:
    """The broker with the id `broker` is stopped in the block, and starts again in any case."""
    try:
        runtime.stop([node.name for node in plan.brokers if node.id == broker])
        yield
    finally:
        runtime.up()
