"""The connections of the lab page: who may connect, how many, and for how long a client may keep the page waiting."""

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from labctl.system import peers
from labctl.webui.page import connections
from labctl.webui.page.app import make_app
from labctl.webui.page.connections import OwnConnection
from tests.fakes import FakeKafka, a_plan

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"POST /topics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:8088\r\nContent-Length: 100\r\n"
FORM += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
WAIT = 20  # seconds; each test needs a fraction of one


class Served:
    """The page on a free port, and connections to it."""

    def __init__(self, port, open_connections):
        self.port = port
        self._open = open_connections

    async def connect(self, data=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._open.callback(writer.close)
        writer.write(data)
        await writer.drain()
        return reader, writer


@contextlib.asynccontextmanager
async def served(tmp_path, key=None):
    kafka: Any = FakeKafka(a_plan("name: lab\n"))
    config = uvicorn.Config(make_app(kafka.plan, kafka, tmp_path, key), log_config=None, timeout_keep_alive=WAIT)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: OwnConnection(config, state, {}), "127.0.0.1", 0, backlog=500
    )
    async with server:
        with contextlib.ExitStack() as open_connections:
            yield Served(server.sockets[0].getsockname()[1], open_connections)
        if state.tasks:  # what they log at the disconnection belongs to the test
            await asyncio.wait(state.tasks, timeout=WAIT)


def run(test, tmp_path, key=None):
    async def main():
        async with served(tmp_path, key) as page:
            await asyncio.wait_for(test(page), WAIT)

    with ThreadPoolExecutor(1) as thread:  # the tests with a browser keep an event loop in the main thread
        thread.submit(asyncio.run, main()).result()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEALTH, HEALTH + b"X: " + b"y" * 1000, FORM, FORM + b"token="])
def test_a_client_that_does_not_finish_its_request_is_disconnected(sent, tmp_path, monkeypatch, caplog):
    """Neither an idle connection nor half a header or half a form keeps the page waiting; no traceback is logged."""
    monkeypatch.setattr(connections, "CLIENT_SECONDS", 0.05)

    async def test(page):
        reader, _writer = await page.connect(sent)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""

    run(test, tmp_path)
    assert caplog.text == ""


def test_the_second_request_of_a_connection_has_the_same_limit(tmp_path, monkeypatch):
    """A client can't finish one request and then keep the page waiting for the next."""
    monkeypatch.setattr(connections, "CLIENT_SECONDS", 0.2)

    async def test(page):
        reader, writer = await page.connect(HEALTH + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.write(HEALTH)
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).endswith(b"ok\n")

    run(test, tmp_path)


@pytest.mark.parametrize("sent", [b"", FORM])
def test_many_slow_connections_shut_nobody_out(sent, tmp_path, monkeypatch):
    """The one that has kept the page waiting for the longest time is closed for the newest."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)

    async def test(page):
        slow = [await page.connect(sent) for _ in range(60)]
        reader, _writer = await page.connect(HEALTH + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for oldest, _writer in slow[:30]:
            with contextlib.suppress(ConnectionResetError):
                assert await oldest.read() == b""

    run(test, tmp_path)


@pytest.mark.parametrize(("path", "key"), [(b"/topics", None), (b"/open", "the-key")])
def test_a_client_that_leaves_in_the_middle_of_a_form_leaves_no_traceback(path, key, tmp_path, caplog):
    """1,500 of them filled a disk with tracebacks."""

    async def test(page):
        for _ in range(20):
            _reader, writer = await page.connect(FORM.replace(b"/topics", path) + b"token=")
            writer.close()
            await writer.wait_closed()
        reader, _writer = await page.connect(HEALTH + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    run(test, tmp_path, key)
    assert caplog.text == ""


def test_a_connection_of_another_user_is_closed(tmp_path, monkeypatch):
    """Before anything of the request is read."""
    monkeypatch.setattr(connections, "is_own_peer", lambda _here, _there: False)

    async def test(page):
        reader, _writer = await page.connect()
        assert await reader.read() == connections.FOREIGN

    run(test, tmp_path)


HERE, THERE = ("127.0.0.1", 8088), ("127.0.0.1", 50000)


@pytest.mark.parametrize(
    ("found", "release", "own"),
    [
        ((1000, 7), "6.1", True),
        ((0, 7), "6.1", True),
        ((1001, 7), "6.1", False),
        ((0, 0), "6.1", False),  # the client has closed its end: the kernel says root then
        (None, "6.1", False),
        (None, "6.6-microsoft-standard-WSL2", True),
    ],
)
def test_the_user_of_a_connection(found, release, own, monkeypatch):
    """Root and this user are accepted, and a program of Windows."""
    monkeypatch.setattr(peers, "knows_users", lambda: True)
    monkeypatch.setattr(peers, "_socket_at", lambda _local, _remote: found)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("platform.release", lambda: release)
    assert peers.is_own_peer(HERE, THERE) is own


def test_a_system_that_does_not_know_users(monkeypatch):
    """macOS: every program of this machine is accepted, and SECURITY.md says so."""
    monkeypatch.setattr(peers, "knows_users", lambda: False)
    assert peers.is_own_peer(HERE, THERE)


def test_where_the_user_can_t_be_found_the_connection_is_refused(tmp_path, monkeypatch):
    """An error, such as no free file descriptor, opens the page to nobody."""

    def fail(_here, _there):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(connections, "is_own_peer", fail)

    async def test(page):
        reader, _writer = await page.connect()
        assert await reader.read() == connections.FOREIGN

    run(test, tmp_path)


def test_a_real_connection_of_this_user():
    """The kernel of this machine says that the test's own connection is its user's, until the client closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, there = server.accept()
        with accepted:
            assert peers.is_own_peer(accepted.getsockname(), there)
            client.close()
            assert not peers.is_own_peer(accepted.getsockname(), there) or not peers.knows_users()
