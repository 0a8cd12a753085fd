"""The report for a terminal: plain text, a line for each step, check and node."""

from __future__ import annotations

from labctl.report.drills import COLUMNS, failed_requests, rows
from labctl.report.summary import SIGNS, UI_NAMES, memory, summary
from labctl.results import CheckResult, DrillResult, RunResult

LEFT = 2  # columns of a drill's table with text; the others have numbers


def to_terminal(run: RunResult) -> str:
    """Return the complete report as text."""
    lines = [f"{SIGNS[run.status]} {summary(run)}"]
    if run.runtime:
        lines.append(f"  runtime {run.runtime.name} ({run.runtime.reason}), started {run.started_at}")
    lines += [
        f"  {SIGNS[step.status]} {step.name:<16} {step.seconds:>6.2f} s  {step.detail}".rstrip() for step in run.steps
    ]
    lines += [check_line(check) for check in run.checks]
    for drill in run.drills:
        lines += drill_lines(drill)
    for node in run.nodes:
        lines.append(
            f"  node {node.name}: {', '.join(node.roles)}; {node.state} {node.detail} {memory(node.memory)}".rstrip()
        )
    for service in run.services:
        state = f"{service.state} {service.detail} {memory(service.memory)}".rstrip()
        lines.append(f"  service {service.name}: {service.url}; {state}")
    if run.ui:
        lines.append(f"  {UI_NAMES[run.ui.kind]}: {run.ui.url}; {run.ui.state} {memory(run.ui.memory)}".rstrip())
    for diagnosis in run.diagnosis:
        lines += [f"  {diagnosis.cause}", f"  try: {diagnosis.remedy}"]
    return "\n".join(lines) + "\n"


def drill_lines(drill: DrillResult) -> list[str]:
    """Return a drill as a table with its runs, and the requests that failed."""
    lines = [f"  {SIGNS[drill.status]} {drill.name:<16} {drill.detail}".rstrip()]
    table = [COLUMNS, *rows(drill)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:LEFT], widths[:LEFT], strict=True)]
        cells += [cell.rjust(width) for cell, width in zip(row[LEFT:], widths[LEFT:], strict=True)]
        lines.append(("    " + "  ".join(cells)).rstrip())
    failed = failed_requests(drill)
    lines += [f"    {count:,} requests failed: {name}" for name, count in failed.items()]
    return lines


def check_line(check: CheckResult) -> str:
    """Return a check in one line, followed by its transcripts where it did not pass."""
    line = f"  {SIGNS[check.status]} {check.name:<16} {check.seconds:>6.2f} s  {check.detail}".rstrip()
    if check.status in {"failed", "error"}:
        line += "".join(f"\n      {row}" for text in check.evidence for row in text.rstrip().splitlines())
    return line
