"""Authentication of a secure lab's page: other users of this machine must not read it."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH = "/health"
ASSETS = "/assets/"  # these contain nothing of the lab
SCHEME = "Bearer "


class RequireKey:
    """Accepts requests with the lab's key: of a browser once in the URL (`?key=`), else in a header (Authorization).

    Later requests of the browser have a cookie, which is valid as long as this page runs.
    """

    def __init__(self, app: ASGIApp, *, key: str, cookie: str, remedy: str) -> None:
        self._app = app
        self._key = key
        self._cookie = cookie
        self._remedy = remedy
        self._session = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or pass the request on to the page."""
        response = self._response(Request(scope)) if scope["type"] == "http" else None
        await (self._app if response is None else response)(scope, receive, send)

    def _response(self, request: Request) -> Response | None:
        # the path by which routes are found: request.url contains the Host header, which the client chose
        path = str(request.scope["path"])
        if _same(request.query_params.get("key"), self._key):
            # to an address without the key, which would be in the browser's history and in screenshots
            response = RedirectResponse("/" + path.lstrip("/"), 303)
            response.set_cookie(self._cookie, self._session, httponly=True, samesite="lax")
            return response
        header = request.headers.get("authorization", "")
        known = _same(request.cookies.get(self._cookie), self._session) or _same(header, SCHEME + self._key)
        if known or path == HEALTH or path.startswith(ASSETS):
            return None
        return PlainTextResponse(f"This lab requires authentication, and so does its page. {self._remedy}\n", 403)


def _same(given: str | None, expected: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), expected.encode())
