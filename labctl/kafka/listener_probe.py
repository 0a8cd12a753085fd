"""Probe one listener of a broker without a Kafka client: a client would report only that it timed out."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

from labctl.kafka.wire import (
    API_VERSIONS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    WireError,
    read_string,
    request,
    response_body,
    response_length,
    string,
)


class ProbeRejected(Exception):
    """The listener rejected the probe, and the reason that it gave."""


def probe_plaintext(address: str, seconds: float) -> bool:
    """Return whether a Kafka responds without TLS at HOST:PORT. A TLS listener closes, or responds with an alert."""
    try:
        with _connected(address, seconds) as plain:
            _request(plain, API_VERSIONS, 0, b"")
    except ProbeRejected:
        return False
    return True


def probe_tls(address: str, ca: Path | None, seconds: float) -> None:
    """Make a TLS handshake at HOST:PORT, and verify the certificate by `ca`, or by the CAs of this machine.

    Raises ProbeRejected.
    """
    with _connected(address, seconds) as plain, _encrypted(plain, address, ca):
        return


def probe_login(address: str, ca: Path, user: str, password: str, mechanism: str, seconds: float) -> None:
    """Log in by TLS and SCRAM at HOST:PORT. Raises ProbeRejected with the broker's own message."""
    from labctl.kafka.client.adapter import scram_client

    with _connected(address, seconds) as plain, _encrypted(plain, address, ca) as encrypted:
        _request(encrypted, SASL_HANDSHAKE, 1, string(mechanism))
        scram = scram_client(user, password, mechanism)
        scram.process_server_first_message(_authenticate(encrypted, scram.first_message()))
        scram.process_server_final_message(_authenticate(encrypted, scram.final_message()))


@contextlib.contextmanager
def _connected(address: str, seconds: float) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), seconds) as plain:
            yield plain
    except OSError as error:
        raise ProbeRejected(f"{address}: {error.strerror or error}") from error


@contextlib.contextmanager
def _encrypted(plain: socket.socket, address: str, ca: Path | None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    try:
        with context.wrap_socket(plain, server_hostname=address.rpartition(":")[0]) as encrypted:
            yield encrypted
    except ssl.SSLCertVerificationError as error:
        raise ProbeRejected(f"certificate verify failed: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise ProbeRejected(f"no TLS: {error.reason or error}") from error


def _authenticate(connection: socket.socket, message: bytes) -> bytes:
    response = _request(connection, SASL_AUTHENTICATE, 0, struct.pack(">i", len(message)) + message)
    (code,) = struct.unpack_from(">h", response)
    error_message, position = read_string(response, 2)
    if code:
        raise ProbeRejected(error_message or f"error {code}")
    (length,) = struct.unpack_from(">i", response, position)
    return response[position + 4 : position + 4 + length]


def _request(connection: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """Return the body of the response to one request. Raises ProbeRejected where no Kafka responds."""
    try:
        connection.sendall(request(api, version, body))
        response = _receive(connection, response_length(_receive(connection, 4)))
        return response_body(api, response)
    except OSError as error:
        raise ProbeRejected(f"no response: {error.strerror or error}") from error
    except WireError as error:
        raise ProbeRejected(str(error)) from error


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ProbeRejected("the connection was closed")
        received += chunk
    return received
