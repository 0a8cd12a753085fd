"""A page of the lab's web UI, asked as a program does: past no proxy, since a secure lab's key goes with it."""

from __future__ import annotations

import http.client
import urllib.request

from labctl.errors import HostError

SECONDS = 5


def page_text(url: str, key: str | None) -> str:
    """The page at `url`, an address of this machine; `key` opens a secure lab's. Raises HostError."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - an http:// of the plan
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            return str(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        raise HostError(f"{url}: {error}", "labctl status tells whether the lab runs") from None
