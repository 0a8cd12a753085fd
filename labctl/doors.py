"""One door of a broker, knocked at by hand: what the wire says where a Kafka client would say only that it timed out.

The frames are those of Kafka's protocol guide: ApiVersions 0, SaslHandshake 1, SaslAuthenticate 0.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
LARGEST_ANSWER = 1 << 20


class Refused(Exception):
    """The door did not open, and the reason that it gave."""


def answers_without_tls(address: str, seconds: float) -> bool:
    """Whether a Kafka answers plain bytes at HOST:PORT. A TLS door closes, or answers with an alert."""
    try:
        with _connected(address, seconds) as plain:
            _ask(plain, API_VERSIONS, 0, b"")
    except Refused:
        return False
    return True


def shake_hands(address: str, ca: Path | None, seconds: float) -> None:
    """TLS with the door at HOST:PORT, its certificate checked against `ca`, or against what this machine trusts.

    Raises Refused.
    """
    with _connected(address, seconds) as plain, _encrypted(plain, address, ca):
        return


def log_in(address: str, ca: Path, user: str, password: str, mechanism: str, seconds: float) -> None:
    """TLS and SCRAM at HOST:PORT. Raises Refused with the broker's own words."""
    from kafka.net.sasl.scram import ScramClient

    with _connected(address, seconds) as plain, _encrypted(plain, address, ca) as door:
        _ask(door, SASL_HANDSHAKE, 1, _string(mechanism))
        scram = ScramClient(user, password, mechanism)
        scram.process_server_first_message(_authenticate(door, scram.first_message()))
        scram.process_server_final_message(_authenticate(door, scram.final_message()))


@contextlib.contextmanager
def _connected(address: str, seconds: float) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), seconds) as plain:
            yield plain
    except OSError as error:
        raise Refused(f"{address}: {error.strerror or error}") from error


@contextlib.contextmanager
def _encrypted(plain: socket.socket, address: str, ca: Path | None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    try:
        with context.wrap_socket(plain, server_hostname=address.rpartition(":")[0]) as door:
            yield door
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"certificate verify failed: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise Refused(f"no TLS: {error.reason or error}") from error


def _authenticate(door: socket.socket, message: bytes) -> bytes:
    answer = _ask(door, SASL_AUTHENTICATE, 0, struct.pack(">i", len(message)) + message)
    (code,) = struct.unpack_from(">h", answer)
    told, at = _read_string(answer, 2)
    if code:
        raise Refused(told or f"error {code}")
    (length,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + length]


def _ask(door: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """The body of the answer to one request. Raises Refused where no Kafka answers."""
    request = struct.pack(">hhi", api, version, api) + _string("labctl") + body
    try:
        door.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _receive(door, 4))
        if not 4 <= length <= LARGEST_ANSWER:
            raise Refused("what came back is not Kafka's")
        answer = _receive(door, length)
    except OSError as error:
        raise Refused(f"no answer: {error.strerror or error}") from error
    if struct.unpack_from(">i", answer) != (api,):
        raise Refused("what came back is not Kafka's")
    return answer[4:]


def _receive(door: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = door.recv(count - len(received))
        if not chunk:
            raise Refused("the connection was closed")
        received += chunk
    return received


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(0, length)
    return data[at + 2 : end].decode(errors="replace"), end
