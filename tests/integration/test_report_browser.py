"""The HTML report of a good run and of three kinds of failure, in a real browser."""

import json
import os
import re
import signal
from pathlib import Path

import jsonschema
import pytest
from junit2htmlreport.parser import Junit

from labctl.report.json_format import json_schema
from tests.integration.browser import findings, opened
from tests.integration.labs import lab_yaml, make_labctl
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.local]

AUTO = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


def good(one):
    one.spec(lab_yaml("isolated"))
    one.run("up", timeout=180, check=True)


def bad_setting(one):
    one.spec(AUTO + "kafka: {config: {log.retention.hours: soon}}\n")
    assert one.run("up").returncode == 4


def failed_check(one):
    one.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    one.run("up", check=True)
    one.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", "--delete", "--topic", "orders")
    assert one.run("check").returncode == 1


def out_of_time(one):
    one.spec(AUTO)
    up = one.start("up", "--timeout", "3")
    pids = wait_for(lambda: list(one.state.glob("labs/*/nodes/broker/pid.json")))
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
    """{kind of run: its report.html}."""
    made = {}
    for kind, (make, _words) in RUNS.items():
        one = make_labctl(tmp_path_factory.mktemp(kind))
        try:
            make(one)
        finally:
            one.end_started()
            one.run("down", "--all", check=True)
        (made[kind],) = one.folder.glob(".labctl/*/report.html")
    return made


@pytest.mark.parametrize("kind", RUNS)
def test_the_same_for_programs(reports, kind):
    """JSON by its published schema, JUnit by a parser that is not labctl's: the same runs, with the same outcome."""
    document = json.loads(reports[kind].with_suffix(".json").read_text())
    jsonschema.validate(document, json_schema())
    cases = [case for suite in Junit(str(reports[kind].with_suffix(".xml"))).suites for case in suite.all()]
    assert any(case.outcome() == "failed" for case in cases) == (document["status"] != "passed")
    assert {one["name"] for one in document["checks"]} <= {case.name for case in cases}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", RUNS)
def test_a_report_in_a_browser(reports, chromium, tmp_path, kind, scheme):
    """No error, no request but its own, nothing of weight found by axe-core; on a desk and on a phone."""
    shots = Path(os.environ.get("LABCTL_SCREENSHOTS", tmp_path))
    for name, size in {"desk": DESK, "phone": PHONE}.items():
        with opened(chromium, reports[kind].as_uri(), viewport=size, color_scheme=scheme) as page:
            assert RUNS[kind][1] in page.inner_text("main")
            for details in page.query_selector_all("details:not([open]) > summary"):
                details.click()
            assert findings(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            page.screenshot(path=shots / f"{kind}-{scheme}-{name}.png", full_page=True)


def test_the_keyboard_alone_opens_a_transcript(reports, chromium):
    """Tab reaches the first check, Enter opens it."""
    with opened(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open")


def test_the_lab_is_drawn(reports, chromium):
    """Each node with its doors, each copy of a partition on its node, each step in the chart."""
    with opened(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        assert page.locator(".node").count() == 6
        assert page.locator(".doors li").count() == 3 * 2 + 3
        assert page.locator(".copies .leader").count() == 3
        assert page.locator(".copies li").count() == 9
        assert page.locator(".track span").count() > 15


def test_on_paper_the_transcripts_are_there(reports, chromium):
    """Printed, what is folded on a screen is unfolded."""
    with opened(chromium, reports["good"].as_uri(), viewport=DESK) as page:
        folded = page.locator("details:not([open]) pre").first
        assert not folded.is_visible()
        page.emulate_media(media="print")
        assert folded.is_visible()
