"""The HTML report of a passed run and of three failed ones, in a real browser."""

import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from junit2htmlreport.parser import Junit

from labctl.report.html import to_html
from labctl.report.json_format import json_schema
from labctl.results import CheckResult
from tests.integration.browser import findings, open_page
from tests.integration.labs import lab_yaml, make_labctl
from tests.integration.polling import wait_for
from tests.sample_run import RUN

pytestmark = [pytest.mark.browser, pytest.mark.local]

AUTO = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
LAPTOP = {"width": 1024, "height": 700}
TABLET = {"width": 768, "height": 1024}


def good(labctl):
    labctl.spec(lab_yaml("isolated"))
    labctl.run("up", timeout=180, check=True)


def bad_setting(labctl):
    labctl.spec(AUTO + "kafka: {config: {log.retention.hours: soon}}\n")
    assert labctl.run("up").returncode == 4


def failed_check(labctl):
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    labctl.run("up", check=True)
    labctl.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", "--delete", "--topic", "orders")
    assert labctl.run("check").returncode == 1


def out_of_time(labctl):
    labctl.spec(AUTO)
    up = labctl.start("up", "--timeout", "3")
    pids = wait_for(lambda: list(labctl.state.glob("labs/*/nodes/broker/pid.json")))
    os.kill(int(re.search(r'"pid": (\d+)', pids[0].read_text())[1]), signal.SIGSTOP)
    up.communicate(timeout=60)
    assert up.returncode == 4


RUNS = {
    "good": (good, "ready, verified"),
    "bad-setting": (bad_setting, "Invalid value soon for configuration log.retention.hours"),
    "failed-check": (failed_check, "not verified"),
    "out-of-time": (out_of_time, "the node is frozen"),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The reports: {kind of run: path of report.html}."""
    paths = {}
    for kind, (produce, _words) in RUNS.items():
        labctl = make_labctl(tmp_path_factory.mktemp(kind))
        try:
            produce(labctl)
        finally:
            labctl.end_started()
            labctl.run("down", "--all", check=True)
        (paths[kind],) = labctl.folder.glob(".labctl/*/report.html")
    return paths


@pytest.mark.parametrize("kind", RUNS)
def test_the_json_and_junit_reports_agree(reports, kind):
    """The JSON report fits its schema, and another JUnit parser finds the same checks and the same outcome."""
    document = json.loads(reports[kind].with_suffix(".json").read_text())
    jsonschema.validate(document, json_schema())
    cases = [case for suite in Junit(str(reports[kind].with_suffix(".xml"))).suites for case in suite.all()]
    assert any(case.outcome() == "failed" for case in cases) == (document["status"] != "passed")
    assert {check["name"] for check in document["checks"]} <= {case.name for case in cases}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", RUNS)
def test_a_report_in_a_browser(reports, chromium, tmp_path, kind, scheme):
    """On a desktop and on a phone there is no error, no other request, and no serious violation by axe-core."""
    shots = Path(os.environ.get("LABCTL_SCREENSHOTS", tmp_path))
    for name, size in {"desk": DESK, "phone": PHONE}.items():
        with open_page(chromium, reports[kind].as_uri(), viewport=size, color_scheme=scheme) as page:
            assert RUNS[kind][1] in page.inner_text("main")
            for details in page.query_selector_all("details:not([open]) > summary"):
                details.click()
            assert findings(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            page.screenshot(path=shots / f"{kind}-{scheme}-{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("size", "least"), [(DESK, 240), (LAPTOP, 240), (TABLET, 190)], ids=["desk", "laptop", "tablet"]
)
def test_what_was_observed_beside_a_long_name(chromium, tmp_path, size, least):
    """The layers of `labctl check --container` have long names: the column beside them stays wide, and visible."""
    checks = (
        CheckResult("broker:9092 from another container on labctl-homework", "passed", 0.6, "1 broker responds " * 4),
        CheckResult("advertised", "failed", 0.2, f"broker 1 sends clients to {'a-long-name.' * 8}example:9092"),
    )
    (tmp_path / "report.html").write_text(to_html(replace(RUN, checks=checks)))
    with open_page(chromium, (tmp_path / "report.html").as_uri(), viewport=size) as page:
        table = page.locator(".scroll", has=page.locator(".track"))
        assert table.evaluate("element => element.scrollWidth <= element.clientWidth")
        assert table.locator("th.wide").evaluate("element => element.clientWidth") >= least


def test_the_keyboard_alone_opens_a_transcript(reports, chromium):
    """Tab reaches the first check, and Enter opens it."""
    with open_page(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open")


def test_the_lab_is_drawn(reports, chromium):
    """The drawing has each node with its listeners and replicas, and the chart has each step."""
    with open_page(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        assert page.locator(".node").count() == 6
        assert page.locator(".listeners li").count() == 3 * 2 + 3
        assert page.locator(".replicas .leader").count() == 3
        assert page.locator(".replicas li").count() == 9
        assert page.locator(".track span").count() > 15


def test_transcripts_are_printed(reports, chromium):
    """Transcripts that are closed on a screen are open in print."""
    with open_page(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        folded = page.locator("details:not([open]) pre").first
        assert not folded.is_visible()
        page.emulate_media(media="print")
        assert folded.is_visible()
