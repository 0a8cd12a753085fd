"""The output of `labctl node`, `upgrade` and `controller`, for people and for programs."""

from __future__ import annotations

from typing import Any

from labctl.cli.output import print_json, print_text
from labctl.cli.status_output import partitions_line, quorum_line
from labctl.lab.cluster_view import partitions_document, quorum_document
from labctl.lab.controllers import QuorumChange
from labctl.lab.nodes import NODE_ACTIONS, NodeChange
from labctl.lab.upgrade import Upgrade
from labctl.results import Partition

MOST_PARTITIONS = 20


def change_text(change: NodeChange) -> str:
    """Return what was done to a node, and what Kafka reports, as text."""
    node, past = change.node.name, NODE_ACTIONS[change.action].past
    if not change.changed:
        lines = [f"{node} was not {past}: {change.detail}"]
    elif change.noticed is None:
        lines = [f"{past} {node}; Kafka does not report it: {change.detail}"]
    else:
        lines = [f"{past} {node}; Kafka reports it after {change.noticed:.1f} s"]
    lines += [f"  {state.name}: {state.state} {state.reason}".rstrip() for state in change.nodes]
    if change.after.quorum:
        lines.append(f"  {quorum_line(quorum_document(change.after.quorum))}")
    elif change.after.problem:
        lines.append(f"  quorum: not known: {change.after.problem}")
    if not change.after.topics:
        return "\n".join(lines) + "\n"
    lines.append(f"  {partitions_line(partitions_document(change.after))}")
    changed = _changed(change)
    lines += [f"    {line}" for line in changed[:MOST_PARTITIONS]]
    if len(changed) > MOST_PARTITIONS:
        lines.append(f"    and {len(changed) - MOST_PARTITIONS:,} more partitions; --json has all of them")
    return "\n".join(lines) + "\n"


def upgrade_text(done: Upgrade) -> str:
    """Return what an upgrade did, as text."""
    lines = [f"{done.lab} runs Kafka {done.version}, before {done.before_version}"]
    lines += [f"  {node}: {seconds:.1f} s" for node, seconds in done.nodes.items()]
    changed = {name: (done.before.get(name, 0), level) for name, level in done.after.items()}
    lines += [f"  {name}: {before} -> {after}" for name, (before, after) in changed.items() if before != after]
    if not done.finalized:
        lines.append(f"  not finalized: labctl upgrade --to {done.version} does it")
    lines.append(f"  set kafka.version to {done.version} in lab.yaml, if the lab has one")
    return "\n".join(lines) + "\n"


def show_quorum(change: QuorumChange, as_json: bool) -> None:
    """Print a controller that was added or removed, and the quorum."""
    if as_json:
        document = {"lab": change.lab, "node": change.node, "action": change.action}
        print_json(document | {"quorum": quorum_document(change.quorum)})
        return
    lines = [f"{change.action} {change.node}", f"  {quorum_line(quorum_document(change.quorum))}"]
    lines.append(f"  set kafka.controllers to {len(change.quorum.voters)} in lab.yaml, if the lab has one")
    print_text("\n".join(lines) + "\n")


def change_document(change: NodeChange) -> dict[str, Any]:
    """Return what was done to a node, and what Kafka reports, for JSON. Times in seconds."""
    after, before = change.after, change.before.partitions
    return {
        "lab": change.lab,
        "node": change.node.name,
        "action": change.action,
        "changed": change.changed,
        "noticed_seconds": change.noticed,
        "detail": change.detail,
        "nodes": [{"name": each.name, "state": each.state, "detail": each.reason} for each in change.nodes],
        "quorum": quorum_document(after.quorum) if after.quorum else None,
        "partitions": partitions_document(after),
        "changed_partitions": [
            {
                "partition": name,
                "leader": {"before": before[name].leader, "after": now.leader},
                "isr": {"before": before[name].in_sync, "after": now.in_sync},
            }
            for name, now in after.partitions.items()
            if name in before and _differs(before[name], now)
        ],
    }


def _changed(change: NodeChange) -> list[str]:
    before = change.before.partitions
    return [
        f"{name}: leader {_before_after(_leader(before[name]), _leader(now))}, "
        f"ISR {_before_after(_ids(before[name].in_sync), _ids(now.in_sync))}"
        for name, now in change.after.partitions.items()
        if name in before and _differs(before[name], now)
    ]


def _before_after(before: str, after: str) -> str:
    return after if before == after else f"{before} -> {after}"


def _differs(before: Partition, after: Partition) -> bool:
    return before.leader != after.leader or set(before.in_sync) != set(after.in_sync)


def _leader(partition: Partition) -> str:
    return str(partition.leader) if partition.leader >= 0 else "none"


def _ids(brokers: tuple[int, ...]) -> str:
    return ",".join(map(str, sorted(brokers))) or "none"
