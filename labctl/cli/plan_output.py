"""The output of `plan` for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from labctl.cli.status_output import on_swarm_node
from labctl.plan.model import LabPlan
from labctl.records.json_lines import format_record


def plan_document(plan: LabPlan) -> dict[str, Any]:
    """Return the plan as a document; seed records as in a file of JSON Lines."""
    document = asdict(plan)
    for topic, planned in zip(document["topics"], plan.topics, strict=True):
        topic["records"] = [json.loads(format_record(record)) for record in planned.records]
    return document


def plan_text(plan: LabPlan) -> str:
    """Return the plan as text."""
    lines = [
        f"lab {plan.name}: Kafka {plan.kafka_version}, runtime {plan.runtime.name} ({plan.runtime.reason})",
        f"  external {plan.bootstrap}, internal {plan.internal_bootstrap}",
    ]
    for node in plan.nodes:
        listeners = ", ".join(f"{listener.name} {listener.bind}:{listener.port}" for listener in node.listeners)
        where = on_swarm_node(node.swarm_node)
        lines.append(
            f"  node {node.name}{where}: id {node.id}, {' and '.join(node.roles)}, heap {plan.heap}; {listeners}"
        )
    for topic in plan.topics:
        seeds = f", {len(topic.records)} seed records" if topic.records else ""
        seeds = f", seed records of {topic.record_file}" if topic.record_file else seeds
        lines.append(
            f"  topic {topic.name}: {topic.partitions} partitions, replication factor {topic.replication_factor}{seeds}"
        )
    lines.append(f"  web page: {plan.ui.url or plan.ui.reason}")
    return "\n".join(lines) + "\n"
