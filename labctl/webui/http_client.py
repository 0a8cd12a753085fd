"""Requests to the lab's web UI from a program, without a proxy: the key of a secure lab is sent with them."""

from __future__ import annotations

from labctl.errors import HostError
from labctl.plan.model import loopback_url

SECONDS = 5
LARGEST = 50_000_000  # bytes of a page


def page_text(url: str, key: str | None) -> str:
    """Return the text of the page at `url`, an address of this machine, with the `key` of a secure lab.

    Send a key only to a page whose process is known. Raises HostError.
    """
    return _response(url, key, None)


def post_text(url: str, key: str | None) -> str:
    """Return the response to an empty form that is sent to `url`; for the rest see `page_text`. Raises HostError."""
    return _response(url, key, b"")


def _response(url: str, key: str | None, body: bytes | None) -> str:
    from http.client import HTTPException
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = Request(loopback_url(url), body, headers)  # noqa: S310 - an http:// of the plan
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as response:
            return str(response.read(LARGEST).decode(errors="replace"))
    except (OSError, HTTPException) as error:
        raise HostError(f"{url}: {error}", "labctl status shows whether the lab runs") from None
