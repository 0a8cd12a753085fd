"""A real Chromium, driven by Playwright, with axe-core to find accessibility problems."""

import contextlib
import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from labctl.errors import HostError
from labctl.homework.screenshots import browser_options, find_browser

SERIOUS = {"serious", "critical"}


@contextlib.contextmanager
def launch_browser():
    """Yield the browser. Skip where there is none, or fail where LABCTL_REQUIRE_BROWSER=1 requires one."""
    from playwright.sync_api import sync_playwright

    try:
        program = find_browser()
    except HostError as error:
        end = pytest.fail if os.environ.get("LABCTL_REQUIRE_BROWSER") == "1" else pytest.skip
        end(f"{error.message}; {error.hint}")
    # Debian's browser is a shell script: it needs the system's programs, even where a test hides them from labctl
    environment: dict[str, str | float | bool] = {**os.environ, "PATH": os.defpath}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=browser_options(), env=environment)
        yield browser
        browser.close()


@contextlib.contextmanager
def kept_profile(browser, folder):
    """Yield a context of the same browser whose history, cookies and cache are kept in `folder`."""
    environment: dict[str, str | float | bool] = {**os.environ, "PATH": os.defpath}
    context = browser.browser_type.launch_persistent_context(
        str(folder), executable_path=find_browser(), args=browser_options(), env=environment
    )
    yield context
    context.close()


@contextlib.contextmanager
def open_page(browser, url, also=(), **options):
    """Open `url`. At the end, fail where the browser logged an error or requested anything but `url` and `also`."""
    context = browser.new_context(**options)
    page = context.new_page()
    errors, requests = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert errors == []
    assert {address for address in requests if not address.startswith("data:")} <= {url, *also}


def findings(page):
    """Return the serious violations that axe-core finds: [(rule, HTML)]."""
    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], violation["nodes"][0]["html"]) for violation in violations if violation["impact"] in SERIOUS
    ]
