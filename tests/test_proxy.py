"""The proxy before a broker: what a client observes with each fault, and how faults are written."""

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from labctl.proxy.faults import Faults, Setting, duration, rate
from labctl.proxy.server import Entrance, Route, bound_socket, read_setting
from labctl.system.parallel import run_with_timeout

HELLO = b"hello"
SECONDS = 10  # for what must come
MOMENT = 0.05  # seconds in which nothing may come


@dataclass
class TestedEntrance(Entrance):
    """An entrance with its clients, which are closed after the test."""

    __test__ = False
    clients: list[Any] = field(default_factory=list)


async def _echo(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def an_entrance():
    """A proxy of a server that echoes what it receives."""
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    with bound_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    route = Route("broker", "127.0.0.1", port, "127.0.0.1", echo.sockets[0].getsockname()[1])
    entrance = TestedEntrance(route, bound_socket(route.address, route.port))
    await entrance.apply(Faults())
    try:
        yield entrance
    finally:
        for _reader, writer in entrance.clients:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        while entrance.connections:  # each ends with its client
            entrance.gate.set(Faults())
            await asyncio.sleep(0)
        entrance.refuse()
        entrance.listener.close()
        echo.close()


async def connect(entrance):
    client = await asyncio.open_connection("127.0.0.1", entrance.route.port)
    entrance.clients.append(client)
    return client


async def echoed(client, data=HELLO):
    client[1].write(data)
    return await asyncio.wait_for(client[0].readexactly(len(data)), SECONDS)


async def nothing_comes(client):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client[0].read(1), MOMENT)


async def is_reset(client):
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client[0].read(1), SECONDS)


def with_entrance(test):
    """Run the test in an event loop, with a proxy."""

    async def run():
        async with an_entrance() as entrance:
            await test(entrance)

    def in_a_loop():
        # in a thread of its own: another test's browser may have a loop that runs in this one
        run_with_timeout(lambda: asyncio.run(run()), 60)

    in_a_loop.__doc__ = test.__doc__
    return in_a_loop


@with_entrance
async def test_without_a_fault_everything_passes(entrance):
    client = await connect(entrance)
    assert await echoed(client, b"x" * 1_000_000) == b"x" * 1_000_000
    assert entrance.report() == {"connections": 1, "bytes": 2_000_000}
    client[1].write_eof()
    assert await asyncio.wait_for(client[0].read(), SECONDS) == b""


@with_entrance
async def test_latency_delays_responses_and_keeps_their_order(entrance):
    await entrance.apply(Faults(latency=0.03, jitter=0.03))
    client = await connect(entrance)
    for number in range(10):
        client[1].write(bytes([number]))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(client[0].readexactly(10), SECONDS) == bytes(range(10))
    await entrance.apply(Faults(latency=0.1))
    client[1].write(HELLO)
    await nothing_comes(client)
    assert await asyncio.wait_for(client[0].readexactly(5), SECONDS) == HELLO


@with_entrance
async def test_bandwidth_sends_everything_in_small_parts(entrance):
    await entrance.apply(Faults(bandwidth=1 << 20))
    client = await connect(entrance)
    assert await echoed(client, b"y" * 50_000) == b"y" * 50_000


@with_entrance
async def test_cut_holds_what_is_sent_until_it_ends(entrance):
    """New connections are accepted, and nothing passes there either."""
    client = await connect(entrance)
    assert await echoed(client) == HELLO
    await entrance.apply(Faults(cut=True))
    client[1].write(HELLO)
    await nothing_comes(client)
    second = await connect(entrance)
    second[1].write(b"later")
    await nothing_comes(second)
    await entrance.apply(Faults())
    assert await asyncio.wait_for(client[0].readexactly(5), SECONDS) == HELLO
    assert await asyncio.wait_for(second[0].readexactly(5), SECONDS) == b"later"


@with_entrance
async def test_refuse_ends_connections_and_accepts_none(entrance):
    """The port stays taken, so that no other program gets it."""
    client = await connect(entrance)
    assert await echoed(client) == HELLO
    await entrance.apply(Faults(refuse=True))
    await is_reset(client)
    with pytest.raises(ConnectionRefusedError):
        await connect(entrance)
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", entrance.route.port))
    await entrance.apply(Faults())
    assert await echoed(await connect(entrance)) == HELLO


@with_entrance
async def test_reset_ends_the_connections_of_this_moment(entrance):
    """A change of other faults resets nothing again."""
    client = await connect(entrance)
    assert await echoed(client) == HELLO
    await entrance.apply(Faults(resets=1))
    await is_reset(client)
    second = await connect(entrance)
    assert await echoed(second) == HELLO
    await entrance.apply(Faults(latency=0.001, resets=1))
    assert await echoed(second) == HELLO


@with_entrance
async def test_a_broker_that_is_down_resets_the_client(entrance):
    """As it would without the proxy."""
    with bound_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    entrance.route = Route("broker", "127.0.0.1", entrance.route.port, "127.0.0.1", port)
    await is_reset(await connect(entrance))


def test_faults_are_written_and_read_again(tmp_path):
    """A file that is damaged means none."""
    setting = Setting(7, {"broker": Faults(latency=0.2, jitter=0.05, bandwidth=65536, cut=True, resets=2)})
    (tmp_path / "faults.json").write_text(json.dumps(setting.to_json()))
    assert read_setting(tmp_path) == setting
    assert setting.nodes["broker"].texts == ["latency 200 ms ± 50", "bandwidth 64k", "cut"]
    (tmp_path / "faults.json").write_text('{"number": 1, "nodes": {"broker": {"lag": 1}}}')
    assert read_setting(tmp_path) == Setting(0, {})
    assert read_setting(tmp_path / "missing") == Setting(0, {})


@pytest.mark.parametrize(("text", "seconds"), [("200ms", 0.2), ("1.5s", 1.5), ("0ms", 0), ("60s", 60)])
def test_a_time(text, seconds):
    """With its unit."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["200", "1m", "-1s", "61s", "ms", ""])
def test_a_time_that_is_none(text):
    """The error says how one is written."""
    with pytest.raises(ValueError, match="a time is a number and ms or s, like 200ms"):
        duration(text)


def test_a_bandwidth():
    """In KiB or MiB a second."""
    assert (rate("64k"), rate("2M")) == (65536, 2 << 20)
    for text in ("64", "0k", "64kb", "k"):
        with pytest.raises(ValueError, match="a bandwidth is a number and k or m"):
            rate(text)
