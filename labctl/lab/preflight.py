"""What is refused before anything starts: changed settings of a running lab, and a machine that is not fit."""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePath

from labctl.diagnostics.doctor import refuse_unfit
from labctl.errors import SpecError
from labctl.lab.existing import ExistingLab, planned, recorded_spec
from labctl.runtime.access import render
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.system import host, ports
from labctl.system.own_folder import own_folder
from labctl.versions import version_tuple
from labctl.webui.page.process import page_runs

LARGEST = 10_000_000  # bytes of a rendered file


def refuse_changes(lab: ExistingLab, state: str) -> None:
    """Raise SpecError where lab.yaml has other nodes than the lab, an older Kafka, or other settings while it runs."""
    plan, record = lab.plan, lab.record
    created = planned(recorded_spec(record), record)
    if created.node_names != plan.node_names:
        had, wanted = ", ".join(created.node_names), ", ".join(plan.node_names)
        kafka = recorded_spec(record).kafka
        raise SpecError(
            [f"the lab {plan.name} has the nodes {had}, and would have {wanted}"],
            f"set kafka: {{brokers: {kafka.brokers}, controllers: {kafka.controllers}}} in lab.yaml to keep it; "
            f"or remove it with its data: labctl down --name {plan.name}, then labctl up",
        )
    _refuse_older_kafka(lab)
    if record.phase != "up" or state == "stopped":
        return
    if created.kafka_version != plan.kafka_version:  # the files of the local runtime may be the same
        raise SpecError(
            [f"the lab {plan.name} is running Kafka {created.kafka_version}, and would run {plan.kafka_version}"],
            f"labctl stop --name {plan.name}, then labctl up; or keep it: "
            f"labctl up --name {plan.name} --kafka {created.kafka_version}",
        )
    before, now = render(created), render(plan)
    changed = [path for path in now if _differs(now[path], before.get(path, ""), _text(lab.folder, path))]
    if changed:
        raise SpecError(
            [f"the lab {plan.name} is running with other settings than lab.yaml has now ({', '.join(changed)})"],
            f"labctl stop --name {plan.name} keeps the data, labctl down --name {plan.name} does not; "
            "then run labctl up again",
        )


def refuse_unfit_machine(spec: LabSpec, lab: ExistingLab, store: LabStore, state: str) -> None:
    """Raise HostError where this machine can't run the lab: open files, ports, disk, memory."""
    refuse_unfit(spec, store)
    plan = lab.plan
    if state == "stopped" and not plan.engine_host:
        ports.require(plan.host_ports(page=plan.ui.kind == "page" and not page_runs(plan)))
        host.require_disk(Path(plan.state))
        if plan.engine_shares_memory:  # else the runtime asks the engine
            host.require_memory(len(plan.nodes), plan.heap)


def _refuse_older_kafka(lab: ExistingLab) -> None:
    """An older Kafka does not start on the data: it does not know their metadata.version, one for all x.y releases."""
    created, wanted = lab.record.identity.kafka_version, lab.plan.kafka_version
    if created and version_tuple(wanted)[:2] < version_tuple(created)[:2]:
        name = lab.plan.name
        raise SpecError(
            [f"kafka.version: Kafka {created} created the data of the lab {name}, and Kafka {wanted} can't read it"],
            f"labctl up --name {name} --kafka {created}; or labctl down --name {name} removes the lab with its data",
        )


def _differs(now: str, *others: str | None) -> bool:
    """Whether it differs from a text that is there in more than comments, which another labctl may have written."""
    return any(_without_comments(other) != _without_comments(now) for other in others if other is not None)


def _without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _text(folder: Path, path: str) -> str | None:
    """The text of a rendered file; None where it can't be read: `up` writes it again."""
    with contextlib.suppress(OSError, ValueError), own_folder(folder, PurePath(path).parent) as parent:
        return parent.read(PurePath(path).name, LARGEST).decode()
    return None
