"""What the commands print about a lab: plan, status, list, client settings. Values in, text out, but for the asking."""

from __future__ import annotations

import uuid
from typing import Any

from labctl import host
from labctl.errors import KafkaFailed, LabError
from labctl.fixed import CONTROLLER_PORT, INSIDE_PORT
from labctl.host import free_ports
from labctl.kafka_client import answers
from labctl.lab import Wish, connect, open_lab, state
from labctl.page.process import page_state
from labctl.plan import DEFAULT_NAME, Choice, Identity, LabPlan, image_name, make_plan
from labctl.report.words import UI_NAMES, headline, memory
from labctl.results import RunResult
from labctl.runlog import Silent
from labctl.runtime import choose, choose_ui, validate
from labctl.security import tool_config
from labctl.spec import LabSpec
from labctl.store import LabStore, encoded_id
from labctl.tools import in_node, typed

NOT_YET_MADE = uuid.UUID("8a5b9d6e-6c1f-4c3e-9b57-2f4f6a0c7d11")  # namespace of the cluster ids below


def planned(wish: Wish, store: LabStore) -> LabPlan:
    """The lab's plan: with its own identity where it is made already, else with one that stays the same until then."""
    record = store.load(wish.spec.name)
    if record and record.source == wish.source:
        asked = wish.spec.runtime
        runtime = record.runtime if asked in {"auto", record.runtime.name} else Choice(asked, "asked for")
        validate(wish.spec, runtime)
        return make_plan(wish.spec, runtime, host.gather(), record.identity)
    door = wish.spec.listeners.external
    runtime = choose(wish.spec.runtime, image_name(wish.spec), pull=wish.spec.kafka.pull, ask_registry=False)
    validate(wish.spec, runtime)
    identity = Identity(
        cluster_id=encoded_id(uuid.uuid5(NOT_YET_MADE, str(wish.folder))),
        state=str(store.lab_folder(wish.spec.name)),
        loopback="127.77.0",
        inside_port=INSIDE_PORT,
        controller_port=CONTROLLER_PORT,
        external_port=free_ports(door.bind, wish.spec.kafka.brokers) if door.port == "auto" else door.port,
        ui_port=free_ports("127.0.0.1", 1) if wish.spec.ui.port == "auto" else wish.spec.ui.port,
        ui=choose_ui(wish.spec, runtime, "", ask_registry=False),
    )
    return make_plan(wish.spec, runtime, host.gather(), identity)


def plan_text(plan: LabPlan) -> str:
    """The plan for people."""
    lines = [
        f"lab {plan.name}: Kafka {plan.kafka_version}, runtime {plan.runtime.name} ({plan.runtime.reason})",
        f"  outside {plan.external}, inside {plan.internal}",
    ]
    for node in plan.nodes:
        doors = ", ".join(f"{one.name} {one.bind}:{one.port}" for one in node.listeners)
        lines.append(f"  node {node.name}: id {node.id}, {' and '.join(node.roles)}, heap {plan.heap}; {doors}")
    for topic in plan.topics:
        first = f", {len(topic.records)} first records" if topic.records else ""
        lines.append(f"  topic {topic.name}: {topic.partitions} partitions, {topic.replication_factor} copies{first}")
    lines.append(f"  web page: {plan.ui.url or plan.ui.reason}")
    return "\n".join(lines) + "\n"


def up_text(run: RunResult, spec: LabSpec) -> str:
    """The end of `up`: what came of it, and lines to copy."""
    topic = spec.topics[0].name if spec.topics else "orders"
    if not (run.endpoints and run.nodes) or run.status == "error":
        return headline(run)
    lab = "" if run.lab == DEFAULT_NAME else f" --name {run.lab}"
    produce, consume = typed(
        in_node(run.lab, run.nodes[0].name),
        "",
        str(run.endpoints.internal),
        topic,
        config=_login(spec),
        kafka_version=spec.kafka.version,
    )
    lines = [
        headline(run),
        f"  produce: {produce}",
        f"  consume: {consume}",
        f"  from a program on this machine: bootstrap.servers={run.endpoints.external}",
    ]
    if spec.security.protocol != "plaintext":
        lines[-1] += f", and what `labctl env{lab}` prints"
    if run.endpoints.ui:
        opened = "" if spec.security.protocol == "plaintext" else f", for you alone: labctl ui{lab}"
        lines.append(f"  web page: {run.endpoints.ui}{opened}")
    lines += [f"  report: {file}" for file in run.files if file.endswith(".html")]
    return "\n".join([*lines, f"  take it away: labctl down{lab}"])


def _login(spec: LabSpec) -> str | None:
    """The file that lets a console tool in; None in a plaintext lab."""
    if spec.security.protocol == "plaintext":
        return None
    return tool_config(spec.security.listed[0].name)


def lab_status(name: str, store: LabStore) -> dict[str, Any]:
    """The lab as it is now: the document of `status --json`. Raises LabStopped where there is no such lab."""
    record, plan, runtime = open_lab(name, store, Silent())
    states = runtime.nodes(memory=True)
    page = runtime.ui() or page_state(plan)
    quorum: dict[str, Any] | None = None
    why = answers(plan.published.split(",")[0])
    if why is None:
        try:
            with connect(plan, seconds=3) as client:
                seen = client.quorum()
                quorum = {
                    "leader": seen.leader,
                    "voters": [{"id": one.id, "behind": one.behind, "caught_up": one.caught_up} for one in seen.voters],
                }
        except KafkaFailed as error:
            why = error.message
    now = state(states)
    return {
        "lab": name,
        "state": "not answering" if now == "running" and quorum is None else now,
        "detail": why or "",
        "runtime": {"name": plan.runtime.name, "reason": plan.runtime.reason},
        "kafka_version": plan.kafka_version,
        "created_at": record.created_at,
        "nodes": [
            {
                "name": one.name,
                "id": node.id,
                "roles": node.roles,
                "state": one.state,
                "detail": one.reason,
                "memory": one.memory,
            }
            for one, node in zip(states, plan.nodes, strict=True)
        ],
        "quorum": quorum,
        "ui": {"kind": plan.ui.kind, "url": plan.ui.url, "state": page.state, "memory": page.memory} if page else None,
        "endpoints": {"external": plan.external, "internal": plan.internal, "ui": plan.ui.url},
        "folder": record.folder,
    }


def status_text(seen: dict[str, Any]) -> str:
    """The status for people."""
    lines = [f"lab {seen['lab']}: {seen['state']} {seen['detail']}".rstrip()]
    lines.append(f"  Kafka {seen['kafka_version']}, runtime {seen['runtime']['name']}, made {seen['created_at']}")
    lines.append(f"  outside {seen['endpoints']['external']}, inside {seen['endpoints']['internal']}")
    lines += [
        f"  node {node['name']}: {', '.join(node['roles'])}; "
        + " ".join(filter(None, (node["state"], node["detail"], memory(node["memory"]))))
        for node in seen["nodes"]
    ]
    if seen["ui"]:
        about = " ".join(filter(None, (seen["ui"]["state"], memory(seen["ui"]["memory"]))))
        lines.append(f"  {UI_NAMES[seen['ui']['kind']]}: {seen['ui']['url']}; {about}")
    if seen["quorum"]:
        level = sum(one["caught_up"] for one in seen["quorum"]["voters"])
        lines.append(
            f"  quorum: leader {seen['quorum']['leader']}, {level} of {len(seen['quorum']['voters'])} voters caught up"
        )
    return "\n".join(lines) + "\n"


def lab_list(store: LabStore) -> list[dict[str, Any]]:
    """Every lab of this user: the document of `ls --json`."""
    found = []
    for name in store.names():
        record = store.load(name)
        if record is None:
            continue
        _record, plan, runtime = open_lab(name, store, Silent())
        try:
            now = "half-made" if record.phase == "starting" else state(runtime.nodes())
        except LabError:
            now = "unknown"  # its Docker Engine does not answer; the other labs are told all the same
        found.append(
            {
                "name": name,
                "state": now,
                "runtime": plan.runtime.name,
                "kafka_version": plan.kafka_version,
                "external": plan.external,
                "ui": plan.ui.url,
                "source": record.source,
                "folder": record.folder,
                "created_at": record.created_at,
            }
        )
    return found


def list_text(labs: list[dict[str, Any]]) -> str:
    """The labs for people."""
    if not labs:
        return "no labs; labctl up makes one\n"
    rows = [("NAME", "STATE", "RUNTIME", "KAFKA", "OUTSIDE", "WEB PAGE", "FROM")]
    rows += [
        (
            *(one[key] for key in ("name", "state", "runtime", "kafka_version", "external")),
            one["ui"] or "none",
            one["source"] or "built in",
        )
        for one in labs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )
