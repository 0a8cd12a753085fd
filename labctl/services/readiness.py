"""Whether a service responds: the first request that each of its clients sends."""

from __future__ import annotations

from dataclasses import replace

from labctl.errors import ServiceFailed
from labctl.plan.model import ServicePlan
from labctl.services import connect, schema_registry
from labctl.services.api import request
from labctl.system.waiting import NotReady

PATHS = {"schema_registry": schema_registry.READY, "connect": connect.READY}
SECONDS = 5.0  # for a response
LOGIN_REQUIRED = 401  # HTTP status


def require_response(service: ServicePlan) -> None:
    """Return where a service responds to a request without a login. Raises NotReady where it does not."""
    try:
        request(replace(service, login_file=""), PATHS[service.kind], seconds=SECONDS)
    except ServiceFailed as error:
        if not (service.login_file and error.status == LOGIN_REQUIRED):
            raise NotReady(error.message) from error


def probe(service: ServicePlan) -> str:
    """Return the address at which a service responds. Raises NotReady where it does not yet, HostError."""
    try:
        request(service, PATHS[service.kind], seconds=SECONDS)
    except ServiceFailed as error:
        raise NotReady(error.message) from error
    return service.url
