"""A page of the lab's web UI, asked as a program does: past no proxy, since a secure lab's key goes with it."""

from __future__ import annotations

from labctl.errors import HostError

SECONDS = 5


def page_text(url: str, key: str | None) -> str:
    """The page at `url`, an address of this machine; `key` opens a secure lab's. Raises HostError."""
    from http.client import HTTPException
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = Request(url, headers=headers)  # noqa: S310 - an http:// of the plan
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            return str(answer.read().decode(errors="replace"))
    except (OSError, HTTPException) as error:
        raise HostError(f"{url}: {error}", "labctl status tells whether the lab runs") from None
