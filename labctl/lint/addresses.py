"""Where an address leads: from a container of the stack, and from the host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Port, Service, Stack

LOOPBACK_NAMES = {"localhost", "ip6-localhost", "localhost.localdomain"}
HOST_NAMES = {
    "host.docker.internal",
    "gateway.docker.internal",
    "docker.for.mac.localhost",
    "docker.for.mac.host.internal",
    "docker.for.win.localhost",
    "host.containers.internal",
}


class Where(Enum):
    """Where a name leads."""

    ITSELF = "the container itself"
    SERVICES = "services of the stack"
    OTHER_NETWORK = "services that share no network"
    NOBODY = "no service"
    ELSEWHERE = "outside the stack, or unknown"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a name leads, and the services that have it."""

    where: Where
    services: tuple[Service, ...] = ()


def is_loopback(host: str) -> bool:
    """Return whether `host` is the machine or container that uses it."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_any(host: str) -> bool:
    """Return whether a listener on `host` listens on all addresses."""
    return host in {"", "0.0.0.0", "::", "[::]"}  # noqa: S104 - compared


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def leads_to_host(host: str) -> bool:
    """Return whether `host` is the host itself for clients that run there."""
    return is_loopback(host) or host.lower() in HOST_NAMES


def destination(stack: Stack, host: str, asker: Service) -> Destination:
    """Return where `host` leads for a container of `asker`.

    A name is a service's, a container_name, a hostname or an alias, on a network that both have.
    """
    if UNKNOWN in host or not host:
        return Destination(Where.ELSEWHERE)
    if is_loopback(host) or is_any(host):
        return Destination(Where.ELSEWHERE if asker.network_mode.startswith("service:") else Where.ITSELF)
    if host.lower() in HOST_NAMES or any(host in service.other_names for service in stack):
        return Destination(Where.ELSEWHERE)
    named = tuple(service for service in stack if _is_called(service, host))
    near = tuple(service for service in named if _is_near(service, host, asker))
    if near:
        return Destination(Where.SERVICES, near)
    if _knows_others(stack, asker) or is_address(host) or "." in host:
        return Destination(Where.ELSEWHERE)
    return Destination(Where.OTHER_NETWORK, named) if named else Destination(Where.NOBODY)


def publishers(stack: Stack, host_port: int, beside: Service) -> list[tuple[Service, Port]]:
    """Return who publishes a port of the host, of those that may run at once with `beside`."""
    return [
        (service, port)
        for service in stack
        if service.may_run_with(beside)
        for port in service.ports
        if port.host == host_port and port.protocol == "tcp"
    ]


def _is_called(service: Service, host: str) -> bool:
    aliases = {alias for names in service.networks.values() for alias in names}
    names = {service.name, service.container_name, service.hostname} | aliases
    return host.lower() in {name.lower() for name in names if name}


def _is_near(service: Service, host: str, asker: Service) -> bool:
    """Whether `asker` can resolve the name and reach the service."""
    if service.name == asker.name:
        return True
    if service.network_mode or asker.network_mode:
        return service.network_mode == asker.network_mode == "bridge"
    shared = service.networks.keys() & asker.networks.keys()
    own = {name.lower() for name in (service.name, service.container_name, service.hostname) if name}
    aliases = {alias.lower() for network in shared for alias in service.networks[network]}
    return bool(shared) and host.lower() in own | aliases


def _knows_others(stack: Stack, asker: Service) -> bool:
    """Whether containers that the files don't name may answer: on a network from elsewhere, on the host's."""
    return bool(asker.network_mode) or bool(stack.external_networks & asker.networks.keys())
