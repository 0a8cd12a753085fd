"""Authentication of a secure lab's page: other users of this machine must not read it.

A program sends the page's key in a header (Authorization). A browser gets a cookie for a code that is valid once, which
`labctl ui` requests with the key. Cookies ignore ports: every server on this host would receive the cookie. So its path
is one that only this page and this browser know, and the addresses of the page begin with it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from labctl.webui.page.access import CODE, OPEN
from labctl.webui.page.request_parameters import read_body

SCHEME = "Bearer "
CODE_SECONDS = 60.0
MOST_CODES = 20
LARGEST_CODE = 1000  # bytes of the form that has it
NOT_KEPT = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def new_base() -> str:
    """Return the start of the page's addresses for a browser."""
    return f"/{secrets.token_urlsafe(12)}"


class RequireKey:
    """Accepts requests with the page's key, and those of a browser with its cookie below `base`.

    What is at the paths `public` contains nothing of the lab, and nothing else is sent without authentication: each
    other page of the lab has `base` in it.
    """

    def __init__(self, app: ASGIApp, *, key: str, base: str, cookie: str, remedy: str, public: Collection[str]) -> None:
        self._app = app
        self._public = public
        self._key = key
        self._base = base
        self._cookie = cookie
        self._remedy = remedy
        self._session = secrets.token_urlsafe(24)
        self._codes: dict[str, float] = {}  # and until when each is valid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or pass the request on to the page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        # the path by which routes are found: request.url contains the Host header, which the client chose
        path = str(scope["path"])
        if path in {OPEN, CODE}:
            await (await self._opened(request) if path == OPEN else self._new_code(request))(scope, receive, send)
        elif self._has_key(request) or (request.method in {"GET", "HEAD"} and path in self._public):
            await self._app(scope, receive, send)
        elif path.startswith(f"{self._base}/") and _same(request.cookies.get(self._cookie), self._session):
            below = path.removeprefix(self._base)
            await self._app({**scope, "path": below, "raw_path": below.encode()}, receive, send)
        else:
            await self._refusal()(scope, receive, send)

    def _has_key(self, request: Request) -> bool:
        return _same(request.headers.get("authorization", ""), SCHEME + self._key)

    def _new_code(self, request: Request) -> Response:
        """A code for `labctl ui`, which has the key."""
        if request.method != "POST" or not self._has_key(request):
            return self._refusal()
        now = time.monotonic()
        valid = {code: until for code, until in self._codes.items() if until > now}
        code = secrets.token_urlsafe(24)
        self._codes = dict([*valid.items()][-MOST_CODES + 1 :]) | {code: now + CODE_SECONDS}
        return PlainTextResponse(code, headers=NOT_KEPT)

    async def _opened(self, request: Request) -> Response:
        """The cookie, for a browser that sends a code: in a form, so that it is in no address and no history."""
        try:
            body = await read_body(request, LARGEST_CODE)
        except (HTTPException, ClientDisconnect):
            return self._refusal()
        given = parse_qs(body.decode("ascii", "replace")).get("code", [""])[0]
        code = next((known for known in self._codes if _same(given, known)), "")
        if not code or self._codes.pop(code) < time.monotonic():
            return self._refusal()
        response = RedirectResponse(f"{self._base}/", 303, NOT_KEPT)
        response.set_cookie(self._cookie, self._session, path=self._base, httponly=True, samesite="lax")
        return response

    def _refusal(self) -> Response:
        text = f"This lab requires authentication, and so does its page. {self._remedy}\n"
        return PlainTextResponse(text, 403, NOT_KEPT)


def _same(given: str | None, expected: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), expected.encode())
