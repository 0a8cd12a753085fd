"""Facts about this machine: looked at, never changed."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import shutil
import socket
from collections.abc import Set as AbstractSet
from pathlib import Path

import psutil

from labctl.errors import HostError
from labctl.fixed import CONTROLLER_PORT, INSIDE_PORT
from labctl.plan import MEBIBYTE, HostFacts, LabPlan
from labctl.processes import lab_of

# Below the range from which Linux takes ports for outgoing connections (32768 and up)
AUTO_PORTS = range(20_000, 30_000)
END_IT = "end that program"
DISK_NEEDED = 300 * MEBIBYTE  # a lab's logs and preallocated indexes, with room to write


def gather() -> HostFacts:
    """Look at this machine."""
    memory = psutil.virtual_memory()
    return HostFacts(
        system=platform.system(),
        cpus=os.cpu_count() or 1,
        memory_total=memory.total,
        memory_available=memory.available,
    )


def refuse_taken_ports(plan: LabPlan, *, page_too: bool = True) -> None:
    """Raise HostError naming each port of the plan that another program has, and the program where it is told."""
    ports = [node.listener("EXTERNAL").port for node in plan.brokers]
    doors = [(plan.bind, port, f"port {port} on {plan.bind}", "listeners.external.port") for port in ports]
    if page_too and plan.ui.port:
        doors.append(("127.0.0.1", plan.ui.port, f"port {plan.ui.port} of the lab page", "ui.port"))
    taken = [(what, key, *who_has(port)) for address, port, what, key in doors if not can_bind(address, port)]
    if taken:
        ends = ", ".join(dict.fromkeys(end for *_, end in taken))
        keys = " and ".join(dict.fromkeys(key for _, key, *_ in taken))
        raise HostError(
            "; ".join(f"{what} is taken{by}" for what, _, by, _ in taken),
            f"{ends}, set {keys} in lab.yaml, or try: labctl up --ports auto",
            "port-taken",
        )


def refuse_full_disk(folder: Path) -> None:
    """Raise HostError where the lab's data folder has too little room."""
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise HostError(
            f"{folder} has {free // MEBIBYTE} MiB free, a lab needs {DISK_NEEDED // MEBIBYTE} MiB",
            "free some space, or name another state folder in XDG_STATE_HOME",
            "disk-full",
        )


def can_bind(address: str, port: int) -> bool:
    """Whether a server could open `address`:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address, port))
        except OSError:
            return False
        return True


def free_ports(address: str, count: int, taken: AbstractSet[int] = frozenset()) -> int:
    """The first of `count` free ports in a row. Raises HostError where there are none."""
    for _ in range(1000):
        first = random.choice(AUTO_PORTS)  # noqa: S311 - spread, not secrecy
        ports = range(first, first + count)
        if not set(ports) & taken and all(can_bind(address, port) for port in ports):
            return first
    raise HostError(
        f"no {count} free ports in a row between {AUTO_PORTS.start} and {AUTO_PORTS.stop}", "end some programs"
    )


def free_loopback(count: int, taken: AbstractSet[str] = frozenset()) -> str:
    """First three numbers of a /24 of 127/8, not in `taken`, whose first `count` addresses have Kafka's ports free."""
    for _ in range(1000):
        loopback = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"  # noqa: S311
        addresses = [f"{loopback}.{n}" for n in range(1, count + 1)]
        free = all(can_bind(one, port) for one in addresses for port in (INSIDE_PORT, CONTROLLER_PORT))
        if loopback not in taken and free:
            return loopback
    raise HostError("no free loopback network between 127.64.0.0 and 127.254.254.0", "take away some labs: labctl ls")


def who_has(port: int) -> tuple[str, str]:
    """` by NAME (pid N)` of the program that listens on `port`, nothing where the system doesn't tell; what ends it."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                lab = lab_of(process.cmdline())
                name = f"{process.name()} (pid {connection.pid})"
                if lab:
                    return f" by the lab {lab}: {name}", f"labctl down --name {lab}"
                return f" by {name}", END_IT
    return "", END_IT
