"""A real Chromium, driven by Playwright, with axe-core to look for what people can't use."""

import contextlib
import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from labctl.errors import HostError
from labctl.homework.screenshots import browser_options, find_browser

SERIOUS = {"serious", "critical"}


@contextlib.contextmanager
def launched():
    """The browser: skips where there is none, or fails where LABCTL_REQUIRE_BROWSER=1 says that there must be one."""
    from playwright.sync_api import sync_playwright

    try:
        program = find_browser()
    except HostError as error:
        end = pytest.fail if os.environ.get("LABCTL_REQUIRE_BROWSER") == "1" else pytest.skip
        end(f"{error.message}; {error.hint}")
    # Debian's is a shell script: it needs the system's programs also where labctl is to find none
    environment: dict[str, str | float | bool] = {**os.environ, "PATH": os.defpath}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=browser_options(), env=environment)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, url, also=(), **options):
    """A page at `url`; it ends the test where the page complains or asks for anything but itself and `also`."""
    context = browser.new_context(**options)
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


def findings(page):
    """What axe-core finds of weight."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]
