"""Who is at the other end of a connection on this machine: the kernel knows the user of each socket."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import socket
import struct
import sys
from functools import cache

from labctl.system.ownership import own_ids

Address = tuple[str, int]  # an IPv4 address, and a port

# from sock_diag(7), and the headers of Linux that it names: inet_diag.h and netlink.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST, ERROR = 4, 20, 1, 2
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
SOCKET_ID = "HH16s16sIII"  # ports and addresses in the order of the network, interface, cookie
QUERY = struct.Struct(f"=BBBxI{SOCKET_ID}")  # family, protocol, extensions, states
ANSWER = struct.Struct(f"=BBBB{SOCKET_ID}IIIII")  # family, state, timer, retries; expiry, queues, uid, inode
ALL_STATES, NO_COOKIE = 0xFFFFFFFF, 0xFFFFFFFF
SECONDS = 1.0


@cache
def knows_users() -> bool:
    """Return whether this system says whose a connection is: macOS does not, and some sandboxes don't.

    Call it before there are connections: what fails later is not this.
    """
    with (
        contextlib.suppress(OSError),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), SECONDS) as client,
    ):
        found = _socket_at(client.getsockname(), server.getsockname()) if sys.platform == "linux" else None
        return found is not None and found[0] == os.geteuid()
    return False


def is_own_peer(here: Address, there: Address) -> bool:
    """Return whether a program of one of `own_ids` has the end `there` of a connection on this machine.

    True where the system can't say it. False where the connection is over already. Raises OSError.
    """
    if not knows_users():
        return True
    found = _socket_at(there, here)
    if found is None:  # WSL in mirrored mode: a program of Windows, which has no socket of Linux
        return "microsoft" in platform.release().lower()
    user, inode = found
    return inode != 0 and user in own_ids()  # without an inode the program has closed its end


def _socket_at(local: Address, remote: Address) -> tuple[int, int] | None:
    """(uid, inode) of the socket with these ends; None where there is none."""
    ends = [struct.pack("=16s", socket.inet_aton(host)) for host, _port in (local, remote)]
    ports = [socket.htons(port) for _host, port in (local, remote)]
    query = QUERY.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ALL_STATES, *ports, *ends, 0, NO_COOKIE, NO_COOKIE)
    header = HEADER.pack(HEADER.size + len(query), SOCK_DIAG_BY_FAMILY, REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(SECONDS)
        kernel.send(header + query)
        response = kernel.recv(4096)
    _length, kind, *_rest = HEADER.unpack_from(response)
    if kind == ERROR:
        number = -struct.unpack_from("=i", response, HEADER.size)[0]
        if number == errno.ENOENT:
            return None
        raise OSError(number, "the kernel does not say whose connection it is")
    *_other, user, inode = ANSWER.unpack_from(response, HEADER.size)
    return user, inode
