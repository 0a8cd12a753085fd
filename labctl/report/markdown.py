"""The report as Markdown, fit for a GitHub step summary."""

from __future__ import annotations

from labctl.render import render_template
from labctl.report.words import SIGNS, UI_NAMES, headline, memory
from labctl.results import RunResult


def to_markdown(run: RunResult) -> str:
    """Markdown with a headline, tables of steps, checks and nodes, and the transcripts."""
    return render_template(
        "report/report.md.j2", run=run, headline=headline(run), signs=SIGNS, ui_names=UI_NAMES, memory=memory
    )
