"""A connection to a broker from this machine, opened layer by layer: TCP, TLS, a login."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.kafka.wire import (
    API_VERSIONS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    WireError,
    read_mechanisms,
    read_string,
    request,
    response_body,
    response_length,
    string,
)

UNSUPPORTED_MECHANISM, ILLEGAL_SASL_STATE = 33, 34  # Kafka's error codes
CERTIFICATE_REQUIRED = "CERTIFICATE_REQUIRED"  # OpenSSL's name of the alert
NO_CERTIFICATE = "the listener requires a client certificate, and the client brings none"
CERTIFICATE_REMEDY = "name one in the client configuration: ssl.keystore.location"
NO_HANDSHAKE = "no TLS handshake"
NO_MECHANISM = "LABCTL-ASKS"  # no listener has it: the response lists those that it has


class LayerFailed(Exception):
    """A layer does not work. `cause` is what was observed, `remedy` what to do."""

    def __init__(self, layer: str, cause: str, remedy: str = "") -> None:
        super().__init__(f"{layer}: {cause}")
        self.layer, self.cause, self.remedy = layer, cause, remedy


@dataclass(frozen=True, slots=True)
class Login:
    """How a client connects: kafka-python's settings of a client configuration; empty: PLAINTEXT."""

    settings: Mapping[str, Any]

    @property
    def protocol(self) -> str:
        """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        return str(self.settings.get("security_protocol", "PLAINTEXT"))

    @property
    def uses_tls(self) -> bool:
        """Whether the client uses TLS."""
        return self.protocol.endswith("SSL")

    @property
    def mechanism(self) -> str:
        """The SASL mechanism, or "" without a login."""
        return str(self.settings.get("sasl_mechanism", "")) if self.protocol.startswith("SASL_") else ""

    def tls_context(self) -> ssl.SSLContext:
        """Return the context for TLS with the client's CA and certificate. Raises LayerFailed where they are no use."""
        authority = self.settings.get("ssl_cafile")
        try:
            context = ssl.create_default_context(cafile=authority)
        except OSError as error:
            what = f"the client's CA file {authority} can't be used: {_reason(error)}"
            raise LayerFailed("tls", what, "it must be PEM: -----BEGIN CERTIFICATE-----") from error
        context.check_hostname = bool(self.settings.get("ssl_check_hostname", True))
        certificate, key = self.settings.get("ssl_certfile"), self.settings.get("ssl_keyfile")
        if certificate:
            # without a function OpenSSL would ask for a password on the terminal
            password = str(self.settings.get("ssl_password") or "")
            try:
                context.load_cert_chain(certificate, key, lambda: password)
            except OSError as error:
                what = f"the client's certificate {certificate} with the key {key} can't be used: {_reason(error)}"
                raise LayerFailed("tls", what, "is it PEM, and is ssl.key.password right?") from error
        return context


class Link:
    """An open connection; a response takes at most `seconds`."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def exchange(self, api: int, version: int, body: bytes = b"") -> bytes:
        """Return the body of the response to one request. Raises LayerFailed where no Kafka responds."""
        give_up = time.monotonic() + self._seconds
        with _failures():
            self._connection.sendall(request(api, version, body))
            response = self._receive(response_length(self._receive(4, give_up)), give_up)
            return response_body(api, response)

    def listen(self) -> bytes:
        """Return what the listener says unasked (Kafka: nothing). Raises LayerFailed where it ends the connection."""
        with _failures():
            return self._receive(1, time.monotonic() + self._seconds)

    def _receive(self, count: int, give_up: float) -> bytes:
        received = b""
        while len(received) < count:
            self._connection.settimeout(max(0.001, give_up - time.monotonic()))
            chunk = self._connection.recv(count - len(received))
            if not chunk:
                raise LayerFailed("kafka", "the connection was closed without a response")
            received += chunk
        return received


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """What goes wrong on an open connection, as the layer that fails."""
    try:
        yield
    except WireError as error:
        raise LayerFailed("kafka", str(error), "is another program on that port?") from error
    except ssl.SSLError as error:
        if CERTIFICATE_REQUIRED in str(error.reason):
            raise LayerFailed("tls", NO_CERTIFICATE, CERTIFICATE_REMEDY) from error
        raise LayerFailed("tls", f"TLS broke off: {error.reason or error}") from error
    except TimeoutError as error:
        raise LayerFailed("kafka", "no response", "is another program on that port, or is the node frozen?") from error
    except OSError as error:
        raise LayerFailed("kafka", f"the connection broke: {error.strerror or error}") from error


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)


def resolve(host: str) -> tuple[str, ...]:
    """Return the addresses of a name, IPv4 and IPv6; nothing where it can't be resolved."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@contextlib.contextmanager
def open_link(host: str, port: int, login: Login, seconds: float) -> Iterator[Link]:
    """Yield a connection by TCP, with TLS where `login` says so. Raises LayerFailed for the layer that fails."""
    connection = _tcp(host, port, seconds)
    try:
        if login.uses_tls:
            connection = _tls(connection, host, login)
        yield Link(connection, seconds)
    finally:
        with contextlib.suppress(OSError):
            connection.close()


def log_in(link: Link, login: Login) -> None:
    """Log in with the mechanism, user and password of `login`. Raises LayerFailed with the broker's own words."""
    try:
        _log_in(link, login)
    except (WireError, struct.error, ValueError, KeyError) as error:  # kafka-python's SCRAM raises the last two
        raise LayerFailed("login", f"the response to the login is not Kafka's: {error}") from error


def _log_in(link: Link, login: Login) -> None:
    mechanism = login.mechanism
    code, offered = read_mechanisms(link.exchange(SASL_HANDSHAKE, 1, string(mechanism)))
    if code == UNSUPPORTED_MECHANISM:
        what = f"the listener offers {', '.join(offered)}, and the client wants {mechanism}"
        raise LayerFailed("login", what, f"set sasl.mechanism={offered[0] if offered else 'one of them'}")
    if code == ILLEGAL_SASL_STATE:
        what = "the listener requires no login, and the client brings one"
        raise LayerFailed("login", what, f"set security.protocol={'SSL' if login.uses_tls else 'PLAINTEXT'}")
    if code:
        raise LayerFailed("login", f"the listener refused the mechanism {mechanism} (error {code})")
    user, password = (str(login.settings.get(f"sasl_plain_{key}") or "") for key in ("username", "password"))
    if mechanism == "PLAIN":
        _authenticate(link, b"\0".join((b"", user.encode(), password.encode())))
        return
    from labctl.kafka.client.adapter import scram_client

    scram = scram_client(user, password, mechanism)
    scram.process_server_first_message(_authenticate(link, scram.first_message()))
    scram.process_server_final_message(_authenticate(link, scram.final_message()))


def offered_mechanisms(host: str, port: int, login: Login, seconds: float) -> tuple[str, ...]:
    """Return the SASL mechanisms that a listener offers; nothing where it requires no login, or does not say."""
    try:
        with open_link(host, port, login, seconds) as link:
            code, offered = read_mechanisms(link.exchange(SASL_HANDSHAKE, 1, string(NO_MECHANISM)))
            return offered if code == UNSUPPORTED_MECHANISM else ()
    except (LayerFailed, WireError):
        return ()


def requires_certificate(host: str, port: int, login: Login, seconds: float) -> bool:
    """Return whether a listener refuses a client without a certificate.

    With TLS 1.3 the listener says so after the handshake. A client that has sent a request by then may read that its
    connection was reset, and never why; so this one sends nothing.
    """
    try:
        with open_link(host, port, login, seconds) as link:
            link.listen()
    except LayerFailed as failed:
        return failed.cause == NO_CERTIFICATE
    return False


def speaks_tls(host: str, port: int, seconds: float) -> bool:
    """Return whether a listener makes a TLS handshake, whatever its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        connection = _tcp(host, port, seconds)
        with contextlib.closing(connection), context.wrap_socket(connection, server_hostname=host):
            return True
    except (LayerFailed, OSError):
        return False


def speaks_plaintext(host: str, port: int, seconds: float) -> bool:
    """Return whether a Kafka responds without TLS."""
    return not why_silent(host, port, Login({}), seconds)


def why_silent(host: str, port: int, login: Login, seconds: float) -> str:
    """Return why no Kafka responds to a client with this login; "" where one does. Its password is not verified."""
    try:
        with open_link(host, port, login, seconds) as link:
            link.exchange(API_VERSIONS, 0)
    except LayerFailed as failed:
        return failed.cause
    return ""


def _tcp(host: str, port: int, seconds: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), seconds)
    except socket.gaierror as error:
        raise LayerFailed("name", f"the name {host} can't be resolved") from error
    except ConnectionRefusedError as error:
        raise LayerFailed("tcp", f"nothing listens on port {port} of {host}") from error
    except TimeoutError as error:
        raise LayerFailed("tcp", f"{host}:{port} does not respond", "does a firewall drop the packets?") from error
    except OSError as error:
        raise LayerFailed("tcp", f"{host}:{port}: {error.strerror or error}") from error


def _tls(connection: socket.socket, host: str, login: Login) -> ssl.SSLSocket:
    context = login.tls_context()
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        remedy = {
            10: "renew the broker's certificate",  # X509_V_ERR_CERT_HAS_EXPIRED
            62: f"give the broker a certificate for {host}, or connect by a name that it has",  # HOSTNAME_MISMATCH
        }.get(error.verify_code, "name the CA that signed it: ssl.truststore.location (PEM)")
        raise LayerFailed("tls", f"the certificate is not accepted: {error.verify_message}", remedy) from error
    except OSError as error:
        raise LayerFailed("tls", f"{NO_HANDSHAKE}: {_reason(error)}") from error


def _authenticate(link: Link, message: bytes) -> bytes:
    response = link.exchange(SASL_AUTHENTICATE, 0, struct.pack(">i", len(message)) + message)
    (code,) = struct.unpack_from(">h", response)
    text, position = read_string(response, 2)
    if code:
        raise LayerFailed("login", text or f"error {code}", "correct user and password in the client configuration")
    (length,) = struct.unpack_from(">i", response, position)
    return response[position + 4 : position + 4 + length]
