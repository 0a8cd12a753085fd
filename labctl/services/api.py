"""Requests to the API of a service, in JSON over HTTP."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import HostError, ServiceFailed
from labctl.plan.model import PAGE_ADDRESS, ServicePlan
from labctl.service_kinds import SERVICES

if TYPE_CHECKING:
    from urllib.error import HTTPError

SECONDS = 10.0
LARGEST = 20_000_000  # bytes of a response
CONTENT_TYPE = "application/json"


def request(
    service: ServicePlan, path: str, *, method: str = "GET", body: object = None, seconds: float = SECONDS
) -> Any:
    """Return the JSON that a service responds to a request for `path`, below the address of its API; None for nothing.

    `body` is sent as JSON. Raises ServiceFailed where it refuses or does not respond in `seconds`, HostError where its
    password can't be read.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    title = SERVICES[service.kind].title
    # 127.0.0.1: another user's server may listen on the other addresses of the name localhost
    url = f"http://{PAGE_ADDRESS}:{service.port}{service.path}{path}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Accept": CONTENT_TYPE} | ({"Content-Type": CONTENT_TYPE} if data is not None else {}) | _login(service)
    message = Request(url, data, headers, method=method)
    try:
        with build_opener(ProxyHandler({})).open(message, timeout=seconds) as response:
            text = response.read(LARGEST)
            return json.loads(text) if text else None
    except HTTPError as error:
        why = _reason(_body(error)) or f"{error.code} {error.reason}"
        raise ServiceFailed(why, f"labctl logs {service.name} shows more", error.code) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ServiceFailed(
            f"{title} does not respond: {getattr(reason, 'strerror', None) or reason}",
            f"labctl status shows whether it runs, labctl logs {service.name} what it does",
        ) from None
    except ValueError:
        raise ServiceFailed(f"{title} responds something other than JSON to {path}") from None


def login(service: ServicePlan) -> tuple[str, str] | None:
    """Return the user and the password that a service requires; None where it requires none. Raises HostError."""
    if not service.login_file:
        return None
    try:
        user, _, password = Path(service.login_file).read_text(encoding="utf-8").strip().partition("=")
    except OSError as error:
        message = f"{service.login_file} can't be read ({error.strerror}): the password of {service.name} is lost"
        raise HostError(message, "labctl stop, then labctl up creates another", "secret-missing") from None
    return user, password


def _login(service: ServicePlan) -> dict[str, str]:
    found = login(service)
    return {"Authorization": f"Basic {b64encode(':'.join(found).encode()).decode()}"} if found else {}


def _body(error: HTTPError) -> bytes:
    """What is in the response to a request that failed; nothing where it ends too early."""
    from http.client import HTTPException

    with contextlib.suppress(OSError, HTTPException), error:
        return error.read(LARGEST)
    return b""


def _reason(text: bytes) -> str:
    """What a service says of a failure: both have it as `message`."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    return str(document.get("message") or document.get("detail") or "") if isinstance(document, dict) else ""
