"""Screenshots of pages, by a Chromium on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from labctl.errors import HostError
from labctl.state.store import LabStore
from labctl.state.work_folders import short_place, work_folder

VARIABLE = "LABCTL_BROWSER"
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    # on macOS an application is not on PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SECONDS = 60
# bytes of its temporary folder's path: that of its socket has 45 more, of 107 (unix(7)), and with more it ends
LONGEST = 58
SCRIPT_MILLISECONDS = 2000  # for the scripts of a page
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str:
    """Return the Chromium to use. Raises HostError where there is none."""
    named = os.environ.get(VARIABLE)
    found = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if found is None:
        raise HostError(
            f"there is no {named or 'Chromium on PATH'}",
            f"install it (apt-get install chromium), or name one in {VARIABLE}",
        )
    return found


def browser_options() -> list[str]:
    """Return its options: without a window, and without requests of its own."""
    # Chromium's sandbox does not work for root
    return [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _temporary(profile: Path) -> contextlib.AbstractContextManager[Path]:
    """Where Chromium has its temporary files: with its profile, or elsewhere if its socket's path would be too long."""
    if len(os.fsencode(profile)) <= LONGEST:
        return contextlib.nullcontext(profile)
    return work_folder(LabStore().root, "browser", short_place())


def take_screenshot(url: str, path: Path, *, width: int = 1280, height: int = 1000) -> None:
    """Write a PNG of the page at `url`. Raises HostError."""
    # not in the state folder: a Chromium that is a snap can't read hidden folders
    with work_folder(LabStore().root, "browser", path.parent.parent) as profile, _temporary(profile) as temporary:
        command = [
            find_browser(),
            *browser_options(),
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--virtual-time-budget={SCRIPT_MILLISECONDS}",
            f"--screenshot={path}",
            url,
        ]
        try:
            subprocess.run(
                command,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                env=os.environ | {"TMPDIR": str(temporary)},  # a Chromium that is ended leaves files there
            )
        except subprocess.TimeoutExpired:
            raise HostError(f"the browser took no screenshot of {url} within {SECONDS} s") from None
    if not path.is_file():
        raise HostError(f"the browser took no screenshot of {url}", f"name another browser in {VARIABLE}")
