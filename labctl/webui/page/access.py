"""Who may open the page of a secure lab: its key, which is new at each start, and the file that opens a browser."""

from __future__ import annotations

import secrets
from pathlib import Path

from labctl.kafka.credentials import PASSWORD_BYTES, read_secret
from labctl.kafka.security_settings import secrets_folder
from labctl.plan.model import PAGE_ADDRESS, LabPlan
from labctl.rendering.templates import render_template
from labctl.system.files import file_errors, write_private
from labctl.webui.http_client import post_text

OPEN, CODE = "/open", "/code"  # where a browser sends a code, and a program requests one
REMEDY = "free some space, or fix the folder"


def renew_page_key(plan: LabPlan) -> None:
    """Create a new key for a page that starts, where a login is required. Raises HostError."""
    if plan.security:
        with file_errors(_key_file(plan), REMEDY):
            write_private(_key_file(plan), secrets.token_urlsafe(PASSWORD_BYTES) + "\n")


def page_key(plan: LabPlan) -> str | None:
    """Return the key of the page that runs or ran last; None where no login is required, or there was no page yet.

    Raises HostError where it can't be read.
    """
    if plan.security is None or not _key_file(plan).exists():
        return None
    return read_secret(plan, _key_file(plan), "the key of the lab page")


def page_opener(plan: LabPlan) -> Path:
    """Write a file that opens a browser's page of a secure lab once, and return it. Raises HostError.

    The page must run: the key is sent to it. A command line or an address with the code could be read by everybody.
    """
    address = f"http://{PAGE_ADDRESS}:{plan.ui.port}"
    code = post_text(f"{address}{CODE}", page_key(plan))
    path = secrets_folder(plan) / "page.html"
    with file_errors(path, REMEDY):
        write_private(
            path, render_template("page/opener.html.j2", lab=plan.name, address=f"{address}{OPEN}", code=code)
        )
    return path


def screenshot_copy(plan: LabPlan) -> Path:
    """Return where a copy of the page for a screenshot may be: readable by this user alone."""
    return secrets_folder(plan) / "screenshot.html"


def page_cookie(plan: LabPlan) -> str:
    """Return the name of the cookie. A browser keeps cookies by host, not by port: each lab has its own."""
    return f"labctl-{plan.ui.port}"


def _key_file(plan: LabPlan) -> Path:
    return secrets_folder(plan) / "page.key"
