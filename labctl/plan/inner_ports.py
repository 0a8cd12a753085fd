"""The ports inside a local lab whose nodes have addresses of their own."""

from __future__ import annotations

from labctl.constants import CONTROLLER_PORT, INTERNAL_PORT, OTHER_CONTROLLER_PORT, OTHER_INTERNAL_PORT


def inner_ports(external: range) -> tuple[int, int]:
    """Return the ports of the internal listeners and of the controllers beside these external ports.

    They are 9092 and 9093, as in Docker, unless an external port is one of them: Kafka refuses two listeners on one
    port, also where their addresses differ.
    """
    usual = (INTERNAL_PORT, CONTROLLER_PORT)
    return usual if set(usual).isdisjoint(external) else (OTHER_INTERNAL_PORT, OTHER_CONTROLLER_PORT)
