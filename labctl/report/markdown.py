"""The report as Markdown, for a GitHub step summary."""

from __future__ import annotations

from labctl.rendering.templates import render_template
from labctl.report.drills import COLUMNS, failed_requests, rows
from labctl.report.summary import SIGNS, UI_NAMES, memory, summary
from labctl.results import RunResult


def to_markdown(run: RunResult) -> str:
    """Return Markdown with a summary, tables of steps, checks and nodes, and the transcripts."""
    return render_template(
        "report/report.md.j2",
        run=run,
        summary=summary(run),
        signs=SIGNS,
        ui_names=UI_NAMES,
        memory=memory,
        drills=[(drill, rows(drill), failed_requests(drill)) for drill in run.drills],
        drill_columns=COLUMNS,
    )
