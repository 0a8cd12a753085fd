"""The output of `status` and `ls` for people."""

from __future__ import annotations

from typing import Any

from labctl.report.summary import UI_NAMES, memory

COLUMNS = ("NAME", "STATE", "RUNTIME", "KAFKA", "EXTERNAL", "WEB PAGE", "FROM")


def status_text(document: dict[str, Any]) -> str:
    """Return the state of a lab as text."""
    endpoints, page = document["endpoints"], document["ui"]
    lines = [f"lab {document['lab']}: {document['state']} {document['detail']}".rstrip()]
    lines.append(
        f"  Kafka {document['kafka_version']}, runtime {document['runtime']['name']}, created {document['created_at']}"
    )
    lines.append(f"  external {endpoints['external']}, internal {endpoints['internal']}")
    lines += [
        f"  node {node['name']}: {', '.join(node['roles'])}; "
        + " ".join(filter(None, (node["state"], node["detail"], memory(node["memory"]))))
        for node in document["nodes"]
    ]
    if page:
        state = " ".join(filter(None, (page["state"], memory(page["memory"]))))
        lines.append(f"  {UI_NAMES[page['kind']]}: {page['url']}; {state}")
    if quorum := document["quorum"]:
        caught_up = sum(voter["caught_up"] for voter in quorum["voters"])
        lines.append(f"  quorum: leader {quorum['leader']}, {caught_up} of {len(quorum['voters'])} voters caught up")
    return "\n".join(lines) + "\n"


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
