"""Kafbat UI: where it shows what. Its addresses are those of its own API description (contract/, v1.5)."""

from __future__ import annotations

from urllib.parse import quote

SERVICE = "kafka-ui"
PORT = 8080  # inside its container


def seen(url: str, lab: str, topic: str) -> tuple[str, str]:
    """What tells of a topic, and of its records from the beginning: addresses for programs."""
    address = f"{url}/api/clusters/{quote(lab)}/topics/{quote(topic)}"
    return address, f"{address}/messages/v2?mode=EARLIEST&limit=100"


def shown(url: str, lab: str, topic: str) -> tuple[str, str]:
    """The topics, and the records of one: addresses for people."""
    address = f"{url}/ui/clusters/{quote(lab)}/all-topics"
    return address, f"{address}/{quote(topic)}/messages"
