"""Ports and loopback addresses of this machine: which are free, and which program has the others."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import psutil

from labctl.errors import HostError
from labctl.plan.model import HostPort
from labctl.system.processes import state_of

# Below the range from which Linux takes ports for outgoing connections (32768 and up)
AUTO_PORTS = range(20_000, 30_000)
LOOPBACK_SECOND = range(64, 255)  # of 127.x.y.0/24: networks for labs
ATTEMPTS = 1000
CONNECT_SECONDS = 1  # to a server of this machine or its network, which responds or refuses at once
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - a name for it, nothing listens there
END_PROGRAM = "end that program"


@dataclass(frozen=True, slots=True)
class PortUser:
    """The program that listens on a port, where the system says which, and what ends it."""

    program: str = ""
    remedy: str = END_PROGRAM

    @property
    def suffix(self) -> str:
        """` by PROGRAM`, or "" where it is not known."""
        return f" by {self.program}" if self.program else ""


def require(ports: Sequence[HostPort]) -> None:
    """Raise HostError where a port is in use: each of them, and the program that has it."""
    taken = [(port, port_user(port.address, port.number)) for port in ports if not is_free(port.address, port.number)]
    if taken:
        remedies = ", ".join(dict.fromkeys(user.remedy for _port, user in taken))
        keys = " and ".join(dict.fromkeys(port.key for port, _user in taken))
        raise HostError(
            "; ".join(f"{port.description} is in use{user.suffix}" for port, user in taken),
            f"{remedies}, set {keys} in lab.yaml, or try: labctl up --ports auto",
            "port-taken",
        )


def is_free(address: str, port: int) -> bool:
    """Return whether a server could open `address`:`port` now, and its clients would reach that server.

    Where macOS lets two servers have one port, on one address and on all, a server responds already. Clients of a port
    of 127.0.0.1 connect to `localhost`, which may be ::1.
    """
    if not _can_bind(address, port):
        return False
    own = "127.0.0.1" if address == EVERY_ADDRESS else address
    return not any(accepts(host, port) for host in ((own, "::1") if own == "127.0.0.1" else (own,)))


def accepts(host: str, port: int) -> bool:
    """Return whether a server accepts a connection to a port of `host` now."""
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as connection:
            # a port of the range for outgoing connections can connect to itself
            return bool(connection.getsockname() != connection.getpeername())
    except OSError:
        return False


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address, port))
        except OSError:
            return False
        return True


def free_ports(address: str, count: int, taken: AbstractSet[int] = frozenset()) -> int:
    """Return the first of `count` free ports in a row. Raises HostError where there are none."""
    return _in_a_row(count, taken, lambda _index, port: is_free(address, port))


def free_ports_elsewhere(addresses: Sequence[str], taken: AbstractSet[int]) -> int:
    """Return the first of so many ports in a row, the n-th of which nobody has at the n-th address.

    The addresses are those of other machines. Raises HostError where there are none.
    """
    return _in_a_row(len(addresses), taken, lambda index, port: not accepts(addresses[index], port))


def _in_a_row(count: int, taken: AbstractSet[int], free: Callable[[int, int], bool]) -> int:
    """The first of `count` ports in a row, where `free(index, port)` is true for each."""
    for _ in range(ATTEMPTS):
        first = random.choice(AUTO_PORTS)  # noqa: S311 - spread, not secrecy
        ports = range(first, first + count)
        if not set(ports) & taken and all(free(index, port) for index, port in enumerate(ports)):
            return first
    raise HostError(
        f"no {count} free ports in a row between {AUTO_PORTS.start} and {AUTO_PORTS.stop}", "end some programs"
    )


def free_loopback(count: int, ports: Sequence[int], taken: AbstractSet[str] = frozenset()) -> str:
    """Return the first three numbers of a /24 network of 127/8 whose first `count` addresses have these ports free.

    It is not in `taken`. Raises HostError where there is none.
    """
    for _ in range(ATTEMPTS):
        loopback = f"127.{random.choice(LOOPBACK_SECOND)}.{random.randint(0, 254)}"  # noqa: S311
        addresses = [f"{loopback}.{number}" for number in range(1, count + 1)]
        free = all(is_free(address, port) for address in addresses for port in ports)
        if loopback not in taken and free:
            return loopback
    users = dict.fromkeys(user.suffix for port in ports if (user := port_user(EVERY_ADDRESS, port)).program)
    raise HostError(
        f"no loopback network between 127.64.0.0 and 127.254.254.0 has the ports {ports[0]} and {ports[1]} free: "
        f"they are in use{' and'.join(users)}",
        "end the program that has them on every address, remove some labs (labctl ls), or use --runtime compose",
    )


def port_user(address: str, port: int) -> PortUser:
    """Return the program that listens on `address`:`port` or on that port of every address, as far as it is known."""
    for pid, host in _listeners(port):
        # a Java program listens on IPv4 addresses as ::ffff:ADDRESS
        same = {address, "::", EVERY_ADDRESS} | ({"::1"} if address == "127.0.0.1" else set())
        if address == EVERY_ADDRESS or host.removeprefix("::ffff:") in same:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                state = state_of(process.cmdline())
                name = f"{process.name()} (pid {pid})"
                if state:
                    return PortUser(f"the lab {state.name}: {name}", f"labctl down --name {state.name}")
                return PortUser(name)
    return PortUser()


def _listeners(port: int) -> Iterator[tuple[int, str]]:
    """The pid and the address of each program that listens on a port, as far as the system says which."""
    for pid, connection in _connections():
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            yield pid, connection.laddr.ip


def _connections() -> Iterator[tuple[int, Any]]:
    """The connections of each process; on macOS those of this user's processes alone."""
    try:
        every = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                yield from ((process.pid, connection) for connection in process.net_connections("tcp"))
    else:
        yield from ((connection.pid, connection) for connection in every if connection.pid)
