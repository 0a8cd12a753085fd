"""The proxy's server: one listening socket for each broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labctl.proxy.connection import Connection, Gate
from labctl.proxy.faults import Faults, Setting
from labctl.system.files import write_private

SETTING, APPLIED = "faults.json", "applied.json"  # what the command line wants, and what the proxy does
BACKLOG = 100
CHECK_SECONDS = 2.0  # between two looks whether the lab still exists


@dataclass(frozen=True, slots=True)
class Route:
    """A broker behind the proxy: the address and port to which clients connect, and its own."""

    node: str
    address: str
    port: int
    broker_host: str
    broker_port: int


@dataclass
class Entrance:
    """The listening socket of one route, and its connections."""

    route: Route
    listener: socket.socket
    gate: Gate = field(default_factory=Gate)
    server: asyncio.Server | None = None
    connections: set[Connection] = field(default_factory=set)
    carried: int = 0  # bytes of the connections that have ended

    async def open(self) -> None:
        """Accept connections."""
        self.server = await asyncio.start_server(self._accept, sock=self.listener, backlog=BACKLOG)

    def refuse(self) -> None:
        """Accept no connection any more; the port stays bound, so that no other program takes it."""
        if self.server:
            self.server.close()
            self.server = None
            self.listener = bound_socket(self.route.address, self.route.port)

    def reset(self) -> None:
        """End all connections with RST."""
        for connection in list(self.connections):
            connection.reset()

    async def apply(self, faults: Faults) -> None:
        """Make the faults of this route the ones of the network from now on."""
        earlier = self.gate.faults
        self.gate.set(faults)
        if faults.refuse:
            self.refuse()
        elif self.server is None:
            await self.open()
        if faults.refuse or faults.resets > earlier.resets:
            self.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection((reader, writer), self.gate)
        self.connections.add(connection)
        try:
            await connection.run(self.route.broker_host, self.route.broker_port)
        finally:
            self.connections.discard(connection)
            self.carried += connection.carried

    def report(self) -> dict[str, int]:
        """Return the number of its connections, and the bytes that they carried."""
        carried = self.carried + sum(connection.carried for connection in self.connections)
        return {"connections": len(self.connections), "bytes": carried}


def bound_socket(address: str, port: int) -> socket.socket:
    """Return a socket that has the port, and does not listen yet: a client is refused. Raises OSError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


async def serve(routes: Sequence[tuple[Route, socket.socket]], folder: Path, lab: Path) -> None:
    """Carry connections until SIGTERM, or until the lab's folder `lab` is gone.

    SIGHUP makes it read the faults in `folder` again; it writes there what it has applied.
    """
    loop = asyncio.get_running_loop()
    ending, changed = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    entrances = [Entrance(route, listener) for route, listener in routes]
    await _apply(entrances, folder)
    while not ending.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_first(ending, changed), CHECK_SECONDS)
        if changed.is_set():
            changed.clear()
            await _apply(entrances, folder)
        if not _exists(lab):
            return


def _exists(path: Path) -> bool:
    return path.exists()


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _apply(entrances: Sequence[Entrance], folder: Path) -> None:
    setting = read_setting(folder)
    for entrance in entrances:
        await entrance.apply(setting.nodes.get(entrance.route.node, Faults()))
    report = {entrance.route.node: entrance.report() for entrance in entrances}
    write_private(folder / APPLIED, json.dumps({"number": setting.number, "nodes": report}))


def read_setting(folder: Path) -> Setting:
    """Return the faults that are set in `folder`; none where the file is missing or damaged."""
    try:
        return Setting.from_json(json.loads((folder / SETTING).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return Setting(0, {})
