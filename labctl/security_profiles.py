"""PROFILES: the values of `security.protocol` in lab.yaml, and what each means for brokers, controllers and clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """How listeners are protected, in Kafka's terms. `mechanism` is "" where no login is required."""

    client_protocol: str  # security.protocol of clients and brokers
    controller_protocol: str  # of the controllers among themselves
    mechanism: str = ""  # sasl.mechanism

    @property
    def requires_login(self) -> bool:
        """Whether clients must authenticate."""
        return bool(self.mechanism)


PROFILES = {
    "plaintext": SecurityProfile("PLAINTEXT", "PLAINTEXT"),
    # controllers identify each other by certificate: with SCRAM three never elect a leader (docs/design/security.md)
    "sasl_ssl": SecurityProfile("SASL_SSL", "SSL", "SCRAM-SHA-512"),
}
