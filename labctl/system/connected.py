"""Which programs of this machine are connected to a lab."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

import psutil


def connected_programs(addresses: Collection[tuple[str, int]], own: Collection[int]) -> list[str]:
    """Return `NAME, pid PID, from HOST:PORT` of each program with an open connection to one of (IP, port), once.

    Without this process and those of `own`. A program of another user has neither name nor pid, and one on another
    machine is not known. Returns nothing where the system does not say whose connections there are.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            here, there = connection.laddr, connection.raddr
            if connection.status != psutil.CONN_ESTABLISHED or not (here and there):  # after that it belongs to nobody
                continue
            to_lab = (there.ip.removeprefix("::ffff:"), there.port) in addresses
            if to_lab and connection.pid not in {os.getpid(), *own}:
                found.setdefault(_name(connection.pid), f"{here.ip}:{here.port}")
    return sorted(f"{name} from {address}" for name, address in found.items())


def _name(pid: int | None) -> str:
    with contextlib.suppress(psutil.Error):
        if pid:
            return f"{psutil.Process(pid).name()}, pid {pid},"
    return "a program of another user"
