"""This machine as a place from which a Kafka is examined."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.diagnostics.layers import LAYERS
from labctl.kafka.address import split_address
from labctl.kafka.link import (
    CERTIFICATE_REMEDY,
    NO_CERTIFICATE,
    NO_HANDSHAKE,
    LayerFailed,
    Login,
    log_in,
    offered_mechanisms,
    open_link,
    requires_certificate,
    resolve,
    speaks_plaintext,
    speaks_tls,
)

SECONDS = 3.0  # for each exchange; a broker of a laptop responds within 0.1 s
LOGIN_REMEDY = "name a client configuration that has the login: --client-config FILE"
TLS_REMEDY = "name a client configuration with security.protocol=SSL or SASL_SSL: --client-config FILE"


class ThisMachine:
    """The place where labctl runs."""

    name = "this machine"

    def __init__(self, login: Login) -> None:
        self._login = login

    @property
    def layers(self) -> Sequence[str]:
        """All that the client configuration has: without TLS and a login those layers do not exist."""
        own = {"tls": self._login.uses_tls, "login": bool(self._login.mechanism)}
        return [layer for layer in LAYERS if own.get(layer, True)]

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a name; nothing where it can't be resolved."""
        return resolve(host)

    def connect(self, address: str) -> str:
        """Connect by TCP to HOST:PORT, and return what was observed. Raises LayerFailed."""
        with open_link(*split_address(address), Login({}), SECONDS):
            return f"{address} accepts connections"

    def encrypt(self, address: str) -> str:
        """Make a TLS handshake, and return what was observed. Raises LayerFailed."""
        host, port = split_address(address)
        try:
            with open_link(host, port, self._login, SECONDS):
                return "the certificate is accepted"
        except LayerFailed as failed:
            if failed.cause.startswith(NO_HANDSHAKE) and speaks_plaintext(host, port, SECONDS):
                what = "the listener does not use TLS, and the client does"
                other = "SASL_PLAINTEXT" if self._login.mechanism else "PLAINTEXT"
                raise LayerFailed("tls", what, f"set security.protocol={other}") from failed
            raise

    def exchange(self, address: str, api: int, version: int, body: bytes, *, login: bool) -> bytes:
        """Return the body of the response to one request. Raises LayerFailed, with what the listener wants instead."""
        host, port = split_address(address)
        try:
            with open_link(host, port, self._login, SECONDS) as link:
                if login and self._login.mechanism:
                    log_in(link, self._login)
                return link.exchange(api, version, body)
        except LayerFailed as failed:
            broken_off = failed.layer in {"tls", "kafka"} and self._login.uses_tls
            if broken_off and requires_certificate(host, port, self._login, SECONDS):
                raise LayerFailed("tls", NO_CERTIFICATE, CERTIFICATE_REMEDY) from failed
            if failed.layer == "kafka" and not self._login.uses_tls and speaks_tls(host, port, SECONDS):
                raise LayerFailed("tls", "the listener uses TLS, and the client does not", TLS_REMEDY) from failed
            if failed.layer == "kafka" and not self._login.mechanism:
                offered = offered_mechanisms(host, port, self._login, SECONDS)
                if offered:
                    what = f"the listener requires a login ({', '.join(offered)}), and the client brings none"
                    raise LayerFailed("login", what, LOGIN_REMEDY) from failed
            raise
