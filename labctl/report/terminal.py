"""The report for a terminal: plain text, one line for each thing."""

from __future__ import annotations

from labctl.report.words import SIGNS, UI_NAMES, headline, memory
from labctl.results import CheckResult, RunResult


def to_terminal(run: RunResult) -> str:
    """The whole report as text."""
    lines = [f"{SIGNS[run.status]} {headline(run)}"]
    if run.runtime:
        lines.append(f"  runtime {run.runtime.name} ({run.runtime.reason}), started {run.started_at}")
    lines += [f"  {SIGNS[one.status]} {one.name:<16} {one.seconds:>6.2f} s  {one.detail}".rstrip() for one in run.steps]
    lines += [check_line(check) for check in run.checks]
    for node in run.nodes:
        lines.append(
            f"  node {node.name}: {', '.join(node.roles)}; {node.state} {node.detail} {memory(node.memory)}".rstrip()
        )
    if run.ui:
        lines.append(f"  {UI_NAMES[run.ui.kind]}: {run.ui.url}; {run.ui.state} {memory(run.ui.memory)}".rstrip())
    for one in run.diagnosis:
        lines += [f"  {one.cause}", f"  try: {one.remedy}"]
    return "\n".join(lines) + "\n"


def check_line(check: CheckResult) -> str:
    """One check in one line; its evidence below it where it did not pass."""
    line = f"  {SIGNS[check.status]} {check.name:<16} {check.seconds:>6.2f} s  {check.detail}".rstrip()
    if check.status in {"failed", "error"}:
        line += "".join(f"\n      {row}" for text in check.evidence for row in text.rstrip().splitlines())
    return line
