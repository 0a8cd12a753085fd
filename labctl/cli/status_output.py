"""The output of `status` and `ls` for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click

from labctl.cli.output import print_raw
from labctl.cli.printable import printable
from labctl.report.summary import UI_NAMES, memory

COLUMNS = ("NAME", "STATE", "RUNTIME", "KAFKA", "EXTERNAL", "WEB PAGE", "FROM")

WATCH_SECONDS = 1.0


def status_text(document: dict[str, Any]) -> str:
    """Return the state of a lab as text."""
    endpoints, page = document["endpoints"], document["ui"]
    lines = [f"lab {document['lab']}: {document['state']} {document['detail']}".rstrip()]
    lines.append(
        f"  Kafka {document['kafka_version']}, runtime {document['runtime']['name']}, created {document['created_at']}"
    )
    lines.append(f"  external {endpoints['external']}, internal {endpoints['internal']}")
    lines += [
        f"  node {node['name']}{on_swarm_node(node['swarm_node'])}: {', '.join(node['roles'])}; "
        + " ".join(filter(None, (node["state"], node["detail"], memory(node["memory"]))))
        + _leads(node)
        for node in document["nodes"]
    ]
    for service in document["services"]:
        state = " ".join(filter(None, (service["state"], service["detail"], memory(service["memory"]))))
        lines.append(f"  service {service['name']}: {service['url']}; {state}")
    if page:
        state = " ".join(filter(None, (page["state"], memory(page["memory"]))))
        lines.append(f"  {UI_NAMES[page['kind']]}: {page['url']}; {state}")
    if proxy := document["proxy"]:
        state = " ".join(filter(None, (proxy["state"], memory(proxy["memory"]))))
        faults = "; ".join(proxy["faults"]) or "no fault"
        lines.append(f"  proxy: {state}; {faults}" if proxy["state"] == "running" else f"  proxy: {state}")
    if quorum := document["quorum"]:
        lines.append(f"  {quorum_line(quorum)}")
    if partitions := document["partitions"]:
        lines.append(f"  {partitions_line(partitions)}")
    return "\n".join(lines) + "\n"


def on_swarm_node(name: str | None) -> str:
    """Return ` on NAME`, where a node runs in a swarm; else ""."""
    return f" on {name}" if name else ""


def partitions_line(partitions: Mapping[str, int]) -> str:
    """Return how many partitions are complete, in one line; `partitions` as in the JSON document."""
    total, without, short = (partitions[key] for key in ("total", "without_leader", "isr_not_full"))
    if not without and not short:
        return f"partitions: {total:,}, each with a leader and a full ISR"
    return f"partitions: {total:,}, {without:,} without a leader, {short:,} without a full ISR"


def quorum_line(quorum: Mapping[str, Any]) -> str:
    """Return who leads the quorum, and which voters are behind, in one line; `quorum` as in the JSON document."""
    voters = quorum["voters"]
    leader = quorum["leader"] if quorum["leader"] >= 0 else "none"
    behind = ", ".join(
        f"voter {voter['id']} is {voter['behind']} records behind" for voter in voters if voter["behind"]
    )
    line = f"quorum: leader {leader}, {sum(voter['caught_up'] for voter in voters)} of {len(voters)} voters caught up"
    return f"{line} ({behind})" if behind else line


def _leads(node: Mapping[str, Any]) -> str:
    count = node["leads"]
    return "" if count is None else f"; leads {count:,} partition{'' if count == 1 else 's'}"


def watch_status(read: Callable[[], dict[str, Any]]) -> NoReturn:
    """Show the state of a lab each second, until Ctrl-C: in place on a terminal, elsewhere where it has changed.

    `read` returns the JSON document. Raises what it raises.
    """
    shown = ""
    while True:
        text = printable(status_text(read()))
        if sys.stdout.isatty():
            click.clear()
            print_raw(text)
        elif text != shown:
            print_raw(text + "\n")
        shown = text
        time.sleep(WATCH_SECONDS)


def list_text(labs: list[dict[str, Any]]) -> str:
    """Return the labs as a table."""
    if not labs:
        return "no labs; labctl up creates one\n"
    rows: list[tuple[str, ...]] = [COLUMNS]
    rows += [
        (
            *(lab.get(key, "") for key in ("name", "state", "runtime", "kafka_version", "external")),
            *((lab["ui"] or "none", lab["source"] or "built in") if "source" in lab else ("", "")),
        )
        for lab in labs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )
