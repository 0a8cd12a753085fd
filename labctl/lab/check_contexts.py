"""What the checks of a lab are given."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

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
from labctl.lab.ended_brokers import unregister_ended_brokers
from labctl.lab.existing import CONNECT_SECONDS, QUORUM_SECONDS, ExistingLab, answer_seconds
from labctl.lab.services import connect_access, registry_url
from labctl.plan.model import LabPlan
from labctl.system.waiting import Deadline
from labctl.webui.page.access import page_key
from labctl.webui.page.process import page_runs


def lab_context(
    lab: ExistingLab, client: KafkaClient, deadline: Deadline, absent: Collection[str] = ()
) -> CheckContext:
    """Return what a check of the lab is given. Raises HostError.

    Where nodes are `absent`, what the others are late with is not waited for until the deadline.
    """
    plan, runtime = lab.plan, lab.runtime
    nodes = _Nodes(lab, absent)
    timeout = answer_seconds(deadline)
    node = plan.brokers[0]
    secure = secure_lab(plan, timeout)
    return CheckContext(
        run=checks.new_run(),
        target=CheckTarget(
            plan.bootstrap, client, timeout, plan.internal_replication_factor, None if absent else deadline
        ),
        expected=ExpectedState(
            plan.cluster_id,
            frozenset(voter.id for voter in plan.voters),
            plan.topics,
            {node.id: node.rack for node in plan.brokers if node.rack},
        ),
        console=ConsoleAccess(
            plan.internal_bootstrap,
            lambda argv, stdin, seconds: runtime.exec(node.name, argv, stdin, seconds),
            plan.kafka_version,
            f"{secure.secrets}/{ADMIN}.properties" if secure else None,
        ),
        page=WebPage(plan.ui.url, plan.ui.kind, plan.name, page_key(plan) if page_runs(plan) else None)
        if plan.ui.url
        else Unavailable(plan.ui.reason),
        registry=registry_url(plan),
        connect=connect_access(plan, runtime),
        lab=LabAccess(secure, nodes.stopped_broker, nodes.lost),
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
        listeners=plan.host_addresses,
        controllers=tuple(f"{node.name}:{node.listener('CONTROLLER').port}" for node in plan.voters),
        secrets=plan.brokers[0].secrets_folder,
        ca=ca_file(plan),
        passwords={user: password(plan, user) for user in users},
        clients={
            user: KafkaClient(plan.host_bootstrap(), settings, connect=CONNECT_SECONDS, seconds=timeout)
            for user, settings in users.items()
        },
        settings={node.id: node_settings(plan, node) for node in plan.brokers},
    )


class _Nodes:
    """The nodes of a lab while checks run; `absent` are the names of those that don't work from the start."""

    def __init__(self, lab: ExistingLab, absent: Collection[str]) -> None:
        self._lab = lab
        self._away = set(absent)

    @contextlib.contextmanager
    def stopped_broker(self, broker: int) -> Iterator[None]:
        """The broker with the id `broker` is stopped in the block, and starts again in any case."""
        names = [node.name for node in self._lab.plan.nodes if node.id == broker]
        self._away.update(names)
        try:
            self._lab.runtime.stop(names)
            yield
            unregister_ended_brokers(self._lab, Deadline.after(QUORUM_SECONDS))
        finally:
            self._lab.runtime.up()
            self._away.difference_update(names)

    def lost(self) -> str:
        """Return which node ended or froze meanwhile, as a sentence; "" where none did. Raises LabError."""
        for state in self._lab.runtime.nodes():
            if state.name in self._away:
                continue
            if state.state != "running":
                return f"node {state.name} ended" + (f" ({state.reason})" if state.reason else "")
            if state.reason:
                return f"node {state.name} is {state.reason}"
        return ""
