"""Take the screenshots of the documentation: `python scripts/docs_screenshots.py`, beside a running homework lab.

They show the lab page of `labctl up`, light and dark, on a desktop and on a phone. Needs Chromium and Playwright.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from playwright.sync_api import sync_playwright

from labctl.homework.screenshots import browser_options, find_browser

FOLDER = Path(__file__).parent.parent / "docs" / "page"
PAGE = "http://localhost:8088"
DESK, PHONE = (1280, 800), (380, 820)  # CSS pixels
# name: (path of the page, size)
SHOTS = {"topic": ("/topics/orders", DESK), "overview-phone": ("/", PHONE)}
ORDERS = 12  # more records than the seed records, written by the console producer


def main() -> None:
    """Write some records, and take the screenshots."""
    records = "".join(f'{{"orderid":{1003 + number},"amount":{25.5 * (number + 1):.2f}}}\n' for number in range(ORDERS))
    producer = ["kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "localhost:9092"]
    subprocess.run(["labctl", "exec", "broker", "--", *producer], input=records, text=True, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=browser_options(), env={**os.environ, "LANG": "C.UTF-8"}
        )
        for name, (path, (width, height)) in SHOTS.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
                )
                page = context.new_page()
                page.goto(f"{PAGE}{path}")
                page.wait_for_selector("table")
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
