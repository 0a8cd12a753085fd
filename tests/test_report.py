"""The formats of a report: each shows the same result, and parsers of other projects can read it."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from junit2htmlreport.parser import Junit

from labctl.report import FORMATS, add_to_summary
from labctl.report.html import timeline
from labctl.report.json_format import from_json, json_schema
from labctl.results import RunResult
from tests.sample_run import RUN


def test_json_is_read_back_as_it_was():
    """JSON becomes the same result again; the published schema accepts it."""
    import jsonschema

    text = FORMATS["json"](RUN)
    assert from_json(text) == RUN
    jsonschema.validate(json.loads(text), json_schema())


def test_the_published_schema_is_the_code_s():
    """docs/report.schema.json is what `labctl schema report` prints."""
    published = Path(__file__).parent.parent / "docs" / "report.schema.json"
    assert json.loads(published.read_text()) == json_schema()


def test_junit_keeps_failed_error_and_skipped_apart(tmp_path):
    """They are separate results for another project's parser too."""
    path = tmp_path / "report.xml"
    path.write_text(FORMATS["junit"](RUN))
    steps, checks = Junit(str(path)).suites
    outcomes = {case.name: case.outcome() for case in checks.all() if True}
    assert outcomes == {"topics": "passed", "console-to-host": "failed", "quorum": "failed", "ui": "skipped"}
    assert len(steps.all()) == 4
    tree = ET.parse(path).getroot()
    assert {key: tree.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert tree.find(".//testcase[@name='quorum']/error").get("message") == "no answer"


class Outline(HTMLParser):
    """Tags, and every address that a browser would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for key, value in attrs if key in {"src", "href", "action", "data"} and tag != "a"]


def test_html_is_one_file_that_runs_nothing():
    """Output of nodes and checks is text; nothing is loaded and no script runs."""
    outline = Outline()
    text = FORMATS["html"](RUN)
    outline.feed(text)
    assert "script" not in outline.tags
    assert outline.loads == ["data:,"]
    for expected in (
        "localhost:9094",
        "orders-0",
        "leader",
        "$ kafka-console-producer.sh",
        "log.dirs",
        "Linux 6 x86_64",
    ):
        assert expected in text


def test_the_timeline_lies_within_the_run():
    """Each bar is within the chart; a layer stands below its step, a check below the step `checks`."""
    bars = timeline(RUN)
    assert [bar.name for bar in bars] == ["prepare", "ready", "quorum", "checks", "topics", "console-to-host", "quorum"]
    assert all(bar.left >= 0 and bar.left + bar.width <= 100.1 for bar in bars)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_shows_a_run_without_a_lab(form):
    """The run failed before the plan existed."""
    bare = RunResult(1, "0.1.0", "lab", "up", None, None, "error", "2026-11-23T09:00:00+00:00", 0.1)
    assert FORMATS[form](bare)


def test_a_markdown_cell_stays_a_cell(tmp_path, monkeypatch):
    """Output of a check can't end its table row; each run adds a report to the step summary."""
    row = next(line for line in FORMATS["md"](RUN).splitlines() if line.startswith("| console-to-host"))
    assert row.count(" | ") == 3
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    add_to_summary(RUN)
    add_to_summary(replace(RUN, status="passed"))
    assert (tmp_path / "summary").read_text().count("## ") == 2


def test_the_web_page_s_memory_is_shown():
    """It is shown in every format for people."""
    for form in ("terminal", "md", "html"):
        assert "50 MiB" in FORMATS[form](RUN), form
