"""Which ports of this machine are free, and which program has the others."""

import os
import socket
from types import SimpleNamespace

import psutil
import pytest

from labctl.plan.model import HostFacts
from labctl.state.identity import internal_address
from labctl.system import ports
from labctl.system.ports import PortUser, is_free, port_user

MACOS = HostFacts(system="Darwin", cpus=2, memory_total=16 << 30, memory_available=8 << 30)


@pytest.fixture
def listen():
    """A function that listens on a free port of an address, and returns the port."""
    sockets = []

    def start(address):
        sockets.append(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
        sockets[-1].bind((address, 0))
        sockets[-1].listen()
        return sockets[-1].getsockname()[1]

    yield start
    for server in sockets:
        server.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_at_which_a_server_responds_is_not_free(listen, address):
    """Clients of `localhost` would reach that server, also where it has the IPv6 address alone."""
    port = listen(address)
    assert not is_free("127.0.0.1", port)
    assert is_free("127.0.77.1", port)


def test_the_program_that_has_a_port(listen):
    """It is the one that listens on that address, not one with the same port of another address."""
    port = listen("127.0.77.1")
    assert f"(pid {os.getpid()})" in port_user("127.0.77.1", port).program
    assert port_user("127.0.0.1", port) == PortUser()
    assert f"(pid {os.getpid()})" in port_user(ports.EVERY_ADDRESS, port).program


def test_a_java_program_that_has_a_port(monkeypatch):
    """A Java program's IPv4 address is shown as an IPv6 address."""
    address = SimpleNamespace(ip="::ffff:127.0.0.1", port=9094)
    connection = SimpleNamespace(status=psutil.CONN_LISTEN, laddr=address, pid=os.getpid())
    monkeypatch.setattr(psutil, "net_connections", lambda _kind: [connection])
    assert port_user("127.0.0.1", 9094).program
    assert port_user("127.0.0.2", 9094) == PortUser()


def test_connections_that_only_root_may_see(listen, monkeypatch):
    """On macOS a user sees those of the own processes."""

    def refuse(_kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert f"(pid {os.getpid()})" in port_user("127.0.0.1", listen("127.0.0.1")).program


@pytest.mark.parametrize(
    ("nodes", "external", "taken", "usual"),
    [
        (1, range(9094, 9095), set(), True),
        (1, range(9092, 9093), set(), False),
        (1, range(9094, 9095), {9093}, False),
        (3, range(9094, 9097), set(), False),
    ],
)
def test_internal_ports_on_macos(monkeypatch, nodes, external, taken, usual):
    """A lone node has 9092 and 9093 as in Docker, unless one is in use or an external port of the lab."""
    monkeypatch.setattr("labctl.state.identity.is_free", lambda _address, port: port not in taken)
    address = internal_address(nodes, MACOS, external=external)
    assert address["loopback"] == "127.0.0"
    assert ((address["internal_port"], address["controller_port"]) == (9092, 9093)) is usual
