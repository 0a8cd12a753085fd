"""Who is at the other end of a connection on this machine: the kernel's table of connections has the user of each."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from labctl.system.ownership import own_ids

TABLE = Path("/proc/net/tcp")  # proc_pid_net(5)
ESTABLISHED = "01"
Address = tuple[str, int]  # an IPv4 address, and a port


def is_own_peer(here: Address, there: Address) -> bool:
    """Return whether a program of one of `own_ids` has the end `there` of a connection on this machine.

    True where the system has no such table (macOS). False where the connection is over already.
    """
    if not TABLE.exists():
        return True
    return _user_of(there, here) in own_ids()


def _user_of(local: Address, remote: Address) -> int | None:
    """The uid of the program with the local end of a connection; None where there is no such connection."""
    wanted = (_as_in_table(local), _as_in_table(remote), ESTABLISHED)
    for line in TABLE.read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if (fields[1], fields[2], fields[3]) == wanted:
            return int(fields[7])
    return None


def _as_in_table(address: Address) -> str:
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
