"""Who may open the page of a secure lab: its key, the cookie of a browser, and the file that opens it."""

from __future__ import annotations

import secrets
from pathlib import Path

from labctl.kafka.credentials import PASSWORD_BYTES, read_secret
from labctl.kafka.security_settings import secrets_folder
from labctl.plan.model import LabPlan
from labctl.rendering.templates import render_template
from labctl.system.files import file_errors, write_private


def make_page_access(plan: LabPlan) -> None:
    """Create the key of the page, and the file that opens it, where a login is required. Raises HostError."""
    if plan.security is None:
        return
    with file_errors(secrets_folder(plan), "free some space, or fix the folder"):
        if not _key_file(plan).is_file():
            write_private(_key_file(plan), secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
        if plan.ui.url:
            text = render_template("page/opener.html.j2", lab=plan.name, address=f"{plan.ui.url}/", key=page_key(plan))
            write_private(page_opener(plan), text)


def page_key(plan: LabPlan) -> str | None:
    """Return the key that the page requires; None where no login is required. Raises HostError."""
    return read_secret(plan, _key_file(plan), "the key of the lab page") if plan.security else None


def page_opener(plan: LabPlan) -> Path:
    """Return a file that sends a browser to the page with the key: everybody could read it in an address."""
    return secrets_folder(plan) / "page.html"


def page_cookie(plan: LabPlan) -> str:
    """Return the name of the cookie. A browser keeps cookies by host, not by port: each lab has its own."""
    return f"labctl-{plan.ui.port}"


def _key_file(plan: LabPlan) -> Path:
    return secrets_folder(plan) / "page.key"
