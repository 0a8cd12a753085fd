"""The lock of a secure lab's page: whoever else is on this machine must not look through it."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH = "/health"
ASSETS = "/assets/"  # nothing of the lab is in these
SCHEME = "Bearer "


class Locked:
    """Lets in who shows the lab's key: a browser once in the address (`?key=`), a program in the Authorization header.

    The browser is known by a cookie from then on, which is good for as long as this page runs.
    """

    def __init__(self, app: ASGIApp, *, key: str, cookie: str, remedy: str) -> None:
        self._app = app
        self._key = key
        self._cookie = cookie
        self._remedy = remedy
        self._session = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on to the page."""
        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        await (self._app if answer is None else answer)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        # the path that the routes go by: request.url has what the client wrote as Host in it
        path = str(request.scope["path"])
        if _same(request.query_params.get("key"), self._key):
            # without the key in the address: it would stand in the browser's history and in pictures
            answer = RedirectResponse("/" + path.lstrip("/"), 303)
            answer.set_cookie(self._cookie, self._session, httponly=True, samesite="lax")
            return answer
        shown = request.headers.get("authorization", "")
        known = _same(request.cookies.get(self._cookie), self._session) or _same(shown, SCHEME + self._key)
        if known or path == HEALTH or path.startswith(ASSETS):
            return None
        return PlainTextResponse(f"This lab has locks, and its page too. {self._remedy}\n", 403)


def _same(shown: str | None, expected: str) -> bool:
    return shown is not None and secrets.compare_digest(shown.encode(), expected.encode())
