"""The connections of the page: of this user alone, not too many, and none that keeps the page waiting."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from labctl.system.peers import is_own_peer

MOST_CONNECTIONS = 200
FOREIGN = b"""HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
This lab page belongs to another user of this machine.
"""
CLIENT_SECONDS = 10.0  # for a client to send a request: header and body
SHORTEST = 0.1  # between two looks at a connection
REQUEST_SECONDS = 60.0  # for the whole of a request: Kafka's answers, and a client that reads slowly


class OwnConnection(H11Protocol):
    """uvicorn's connection with limits. A connection over a limit is closed without a response.

    Where there are too many, the one goes first whose client has owed a request for the longest time.
    """

    _accepted = False
    _since = 0.0  # when the client had to begin with its next request
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Accept the connection of a program of this user, and no other: nothing of what it sends is read."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._accepted = _is_own(transport)
        if not self._accepted:
            transport.write(FOREIGN)
            transport.close()
            return
        self._timer = self.loop.call_later(CLIENT_SECONDS, self._end_where_too_late)
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [each for each in self.connections if isinstance(each, OwnConnection) and each._client_owes]  # noqa: SLF001
            min(waiting, key=lambda each: each._since, default=self).transport.abort()  # noqa: SLF001

    def data_received(self, data: bytes) -> None:
        """Read what an accepted client sends."""
        if self._accepted:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request of the client."""
        self._since = self.loop.time()
        super().on_response_complete()

    @property
    def _client_owes(self) -> bool:
        """Whether the client has not sent the whole of a request."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY}

    def _end_where_too_late(self) -> None:
        limit = CLIENT_SECONDS if self._client_owes else REQUEST_SECONDS
        left = self._since + limit - self.loop.time()
        if left <= 0:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(max(left, SHORTEST), self._end_where_too_late)


def _is_own(transport: Any) -> bool:
    """Whether the client is a program of this user; a client whose user can't be found is not."""
    here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    with contextlib.suppress(OSError, ValueError, IndexError):
        return there is not None and is_own_peer(here, there)
    return False
