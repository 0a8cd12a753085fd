"""The lab page: what it adds to `up`, its first response, and its first view of a topic with 100,000 records."""

from __future__ import annotations

import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.labctl import Labctl
from bench.plain import LIMIT
from bench.timing import Case
from labctl.homework.screenshots import browser_options, find_browser
from labctl.system.ports import free_ports

RECORDS = 100_000
SHOWN = 50
TOPIC = ("--bootstrap-server", "broker:9092", "--topic", "many")
LOAD = ("--topic", "many", "--num-records", str(RECORDS), "--record-size", "100", "--throughput", "-1")


class PagedLab:
    """A lab with its page, from `up` in one case to `clean_up` in another."""

    def __init__(self, folder: Path, at_end: ExitStack) -> None:
        self._labctl = Labctl(folder / "paged")
        port = free_ports("127.0.0.1", 1)
        self._labctl.spec(f"listeners: {{external: {{port: auto}}}}\nui: {{kind: page, port: {port}}}\n")
        self._url = f"http://localhost:{port}"
        self._at_end = at_end
        self._browser: Browser | None = None
        self._first_response = 0.0
        at_end.callback(self._labctl, "down", "--all")

    def up(self) -> float:
        """Return the seconds of `up`; the first request to the page follows at once."""
        started = time.perf_counter()
        self._labctl("up", "--runtime", "local", "--checks", "quick")
        took = time.perf_counter() - started
        started = time.perf_counter()
        with urllib.request.urlopen(self._url, timeout=LIMIT) as response:
            response.read()
        self._first_response = time.perf_counter() - started
        return took

    def first_response(self) -> float:
        """Return the seconds until the overview's first response."""
        return self._first_response

    def fill(self) -> None:
        """Create a topic of RECORDS records, and start the browser."""
        tool = ("exec", "broker", "--")
        self._labctl(*tool, "kafka-topics.sh", *TOPIC, "--create", "--partitions", "3")
        bootstrap = ("--producer-props", "bootstrap.servers=broker:9092")
        self._labctl(*tool, "kafka-producer-perf-test.sh", *LOAD, *bootstrap)
        if self._browser is None:
            driver = self._at_end.enter_context(sync_playwright())
            self._browser = driver.chromium.launch(executable_path=find_browser(), args=browser_options())

    def view(self) -> float:
        """Return the seconds until a browser with an empty cache shows the newest records."""
        if self._browser is None:
            raise RuntimeError("fill first")
        with self._browser.new_context() as context, context.new_page() as page:
            started = time.perf_counter()
            page.goto(f"{self._url}/topics/many")
            shown = page.locator("#record-rows tr").count()
            took = time.perf_counter() - started
        if shown != SHOWN:
            raise RuntimeError(f"{shown} records are shown")
        return took

    def memory(self) -> int:
        """Return the resident memory of the page's process, in bytes."""
        return int(self._labctl.status()["ui"]["memory"])

    def clean_up(self) -> None:
        """Remove everything."""
        self._labctl("down")


def page_cases(folder: Path, at_end: ExitStack, peer: str) -> list[Case]:
    """Return the cases: `up` with the page, compared with `peer`; then the page's first response and view."""
    paged = PagedLab(folder, at_end)
    return [
        Case(f"{peer}, with the lab page", paged.up, peer=peer, goals={"s more": 0.15}),
        Case("the lab page: first response after up", paged.first_response),
        Case(
            "the lab page: first view of 100,000 records in Chromium, and its memory",
            paged.view,
            paged.fill,
            paged.clean_up,
            goals={"s": 0.5, "MiB": 60},
            memory=paged.memory,
        ),
    ]
