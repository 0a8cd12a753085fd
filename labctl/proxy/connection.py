"""One connection through the proxy: what arrives is sent on, as the faults of the moment allow."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass, field

from labctl.proxy.faults import Faults

CHUNK = 1 << 16  # bytes
MOST_WAITING = 64  # chunks of one direction: then the sender is not read any more
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


@dataclass(slots=True)
class Gate:
    """The faults of one broker, and whether bytes pass."""

    faults: Faults = field(default_factory=Faults)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.set(self.faults)

    def set(self, faults: Faults) -> None:
        """Apply other faults."""
        self.faults = faults
        self.opened.clear() if faults.cut else self.opened.set()


class Connection:
    """A client and its broker. `carried` counts the bytes in both directions."""

    def __init__(self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], gate: Gate) -> None:
        self._client = client
        self._gate = gate
        self._broker: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.carried = 0

    async def run(self, host: str, port: int) -> None:
        """Carry bytes until one side ends."""
        try:
            await self._gate.opened.wait()
            self._broker = await asyncio.open_connection(host, port)
            requests = self._carry(self._client[0], self._broker[1], delayed=False)
            responses = self._carry(self._broker[0], self._client[1], delayed=True)
            await asyncio.gather(requests, responses)
        except OSError:  # the broker accepts no connection, or one side was reset: the other learns the same
            self.reset()
        finally:
            for _reader, writer in self._both():
                writer.close()

    def reset(self) -> None:
        """End both sides with RST."""
        for _reader, writer in self._both():
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            writer.transport.abort()

    def _both(self) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        return [self._client, *([self._broker] if self._broker else [])]

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, delayed: bool) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_WAITING)
        sending = asyncio.create_task(self._send(waiting, target))
        loop, due = asyncio.get_running_loop(), 0.0
        try:
            while True:
                data = await source.read(CHUNK)
                delay = self._delay() if delayed else 0.0
                due = max(due, loop.time() + delay)  # in order, whatever the jitter
                await waiting.put((due, data))
                if not data:
                    break
            await sending
        finally:
            sending.cancel()

    async def _send(self, waiting: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await waiting.get()
            if (early := due - loop.time()) > 0:
                await asyncio.sleep(early)
            await self._gate.opened.wait()
            if not data:
                with contextlib.suppress(OSError):
                    target.write_eof()
                return
            for part in self._parts(data):
                target.write(part)
                await target.drain()
                self.carried += len(part)
                if self._gate.faults.bandwidth:
                    await asyncio.sleep(len(part) / self._gate.faults.bandwidth)

    def _parts(self, data: bytes) -> list[bytes]:
        """The pieces in which data is sent: with a limited bandwidth so small that each takes 0.1 s at most."""
        bandwidth = self._gate.faults.bandwidth
        size = max(1, bandwidth // 10) if bandwidth else len(data)
        return [data[start : start + size] for start in range(0, len(data), size)]

    def _delay(self) -> float:
        faults = self._gate.faults
        return max(0.0, faults.latency + random.uniform(-faults.jitter, faults.jitter))  # noqa: S311
