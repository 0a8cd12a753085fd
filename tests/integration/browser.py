"""A real Chromium, driven by Playwright, with axe-core to look for what people can't use."""

import contextlib
import os
import shutil
import subprocess

import pytest

AXE = "axe-core@4.10.3"
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SERIOUS = {"serious", "critical"}


def missing(what):
    """Skip, or fail where LABCTL_REQUIRE_BROWSER=1 says that there must be one."""
    assert os.environ.get("LABCTL_REQUIRE_BROWSER") != "1", what
    pytest.skip(what)


@contextlib.contextmanager
def launched():
    """The browser."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("chromium is missing; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


def axe_source(folder):
    """axe-core, installed into `folder`."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is missing; install it: apt-get install npm")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    subprocess.run(command, check=True, timeout=120)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@contextlib.contextmanager
def opened(browser, url, also=(), **options):
    """A page at `url`; it ends the test where the page complains or asks for anything but itself and `also`."""
    context = browser.new_context(bypass_csp=True, **options)
    page = context.new_page()
    complaints, asked = [], []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []
    assert {address for address in asked if not address.startswith("data:")} <= {url, *also}


def findings(page, axe):
    """What axe-core finds of weight."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document)")["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]
