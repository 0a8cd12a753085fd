"""The few frames of Kafka's protocol that a probe needs, as bytes.

Source: https://kafka.apache.org/protocol. ApiVersions 0, Metadata 4, SaslHandshake 1, SaslAuthenticate 0: each Kafka
since 1.0 has them, 4.x too (KIP-896).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from labctl.kafka.address import join_address

API_VERSIONS, METADATA, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 3, 17, 36
LARGEST_RESPONSE = 1 << 20  # bytes
MOST_BROKERS = 10_000
NOT_KAFKA = "the response is not Kafka's"
CLIENT = "labctl"


class WireError(Exception):
    """Bytes that are no response of Kafka, or a response with an error; the message says which."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a broker says of its cluster: the advertised address of each broker, for this listener's clients."""

    cluster_id: str
    controller: int  # -1: none. With KRaft any broker that is alive, not the leader of the quorum
    brokers: Mapping[int, str]  # {id: HOST:PORT}


def request(api: int, version: int, body: bytes = b"") -> bytes:
    """Return a request with its length; its correlation id is the number of its API."""
    head = struct.pack(">hhi", api, version, api) + string(CLIENT)
    return struct.pack(">i", len(head + body)) + head + body


def metadata_body() -> bytes:
    """Return what Metadata 4 asks: the brokers, and no topic, as a topic that is asked for may be created by that."""
    return struct.pack(">ib", 0, 0)


def response_length(head: bytes) -> int:
    """Return the length of a response, of its first four bytes. Raises WireError."""
    (length,) = struct.unpack(">i", head)
    if not 4 <= length <= LARGEST_RESPONSE:
        raise WireError(NOT_KAFKA)
    return int(length)


def response_body(api: int, response: bytes) -> bytes:
    """Return a response without its correlation id. Raises WireError where it answers another request."""
    if len(response) < 4 or struct.unpack_from(">i", response) != (api,):
        raise WireError(NOT_KAFKA)
    return response[4:]


def read_metadata(body: bytes) -> Metadata:
    """Return what a response to `metadata_body` says. Raises WireError."""
    try:
        (count,) = struct.unpack_from(">i", body, 4)  # after the throttle time
        position, brokers = 8, {}
        if not 0 <= count <= MOST_BROKERS:
            raise WireError(NOT_KAFKA)
        for _broker in range(count):
            (number,) = struct.unpack_from(">i", body, position)
            host, position = read_string(body, position + 4)
            (port,) = struct.unpack_from(">i", body, position)
            _rack, position = read_string(body, position + 4)
            brokers[number] = join_address(host, port)
        cluster, position = read_string(body, position)
        (controller,) = struct.unpack_from(">i", body, position)
    except struct.error:
        raise WireError(NOT_KAFKA) from None
    return Metadata(cluster, controller, brokers)


def read_mechanisms(body: bytes) -> tuple[int, tuple[str, ...]]:
    """Return (error code, enabled mechanisms) of a response to SaslHandshake. Raises WireError."""
    try:
        code, count = struct.unpack_from(">hi", body)
        position, found = 6, []
        for _mechanism in range(count):
            name, position = read_string(body, position)
            found.append(name)
    except struct.error:
        raise WireError(NOT_KAFKA) from None
    return code, tuple(found)


def string(text: str) -> bytes:
    """Return a text with its length."""
    return struct.pack(">h", len(text.encode())) + text.encode()


def read_string(data: bytes, position: int) -> tuple[str, int]:
    """Return the text at `position`, "" where it is null, and the position after it. Raises struct.error."""
    (length,) = struct.unpack_from(">h", data, position)
    end = position + 2 + max(0, length)
    if end > len(data):
        raise struct.error("a text ends after the data")
    return data[position + 2 : end].decode(errors="replace"), end
