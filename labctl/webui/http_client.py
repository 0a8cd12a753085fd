"""Reading a page of the lab's web UI from a program, without a proxy: the key of a secure lab is sent with it."""

from __future__ import annotations

from labctl.errors import HostError

SECONDS = 5


def page_text(url: str, key: str | None) -> str:
    """Return the text of the page at `url`, an address of this machine, with the `key` of a secure lab.

    Raises HostError.
    """
    from http.client import HTTPException
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = Request(url, headers=headers)  # noqa: S310 - an http:// of the plan
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as response:
            return str(response.read().decode(errors="replace"))
    except (OSError, HTTPException) as error:
        raise HostError(f"{url}: {error}", "labctl status shows whether the lab runs") from None
