"""A machine that is not fit for a lab is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

from labctl.diagnostics.doctor import refuse_unfit
from labctl.lab.existing import ExistingLab
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.system import host, ports
from labctl.webui.page.process import page_runs


def refuse_unfit_machine(spec: LabSpec, lab: ExistingLab, store: LabStore, state: str) -> None:
    """Raise HostError where this machine can't run the lab: open files, ports, disk, memory."""
    refuse_unfit(spec, store)
    plan = lab.plan
    if state == "stopped" and not plan.engine_host:
        ports.require(plan.host_ports(page=plan.ui.kind == "page" and not page_runs(plan)))
        host.require_disk(Path(plan.state))
        if plan.engine_shares_memory:  # else the runtime asks the engine
            host.require_memory(len(plan.nodes), plan.heap, [service.heap for service in plan.services])
