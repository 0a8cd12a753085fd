"""RunResult -> text. FORMATS is the table; each format has a file."""

from __future__ import annotations

import os
from pathlib import Path

from labctl.errors import HostError
from labctl.report.html import to_html
from labctl.report.json_format import from_json, to_json
from labctl.report.junit import to_junit
from labctl.report.markdown import to_markdown
from labctl.report.terminal import to_terminal
from labctl.results import RunResult
from labctl.system.own_folder import own_folder

FORMATS = {"terminal": to_terminal, "md": to_markdown, "json": to_json, "html": to_html, "junit": to_junit}
OTHER_FOLDER = "fix the folder (chown, chmod go-w), or remove it: labctl writes it again"
LARGEST = 100_000_000  # bytes of a report; that of a lab with 1,000 topics has one million
FILES = {"json": "report.json", "md": "report.md", "html": "report.html", "junit": "report.xml"}


def write(run: RunResult, folder: Path) -> None:
    """Write the run's files into `folder`. Raises OSError."""
    with own_folder(folder, create=True) as reports:
        for name, file in FILES.items():
            reports.write(file, FORMATS[name](run))


def add_to_summary(run: RunResult) -> None:
    """Add the run to the step summary, if this is a GitHub job. Raises OSError."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as opened:
            opened.write(to_markdown(run))


def read(folder: Path) -> RunResult | None:
    """Return the result of the last run in `folder`, or None where there is none that this version of labctl can read.

    Raises HostError where it may not be read: it is a link, or others can write to its folder.
    """
    try:
        with own_folder(folder) as reports:
            return from_json(reports.read(FILES["json"], LARGEST).decode())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise HostError(f"the last report in {folder} can't be read: {error.strerror}", OTHER_FOLDER) from None
