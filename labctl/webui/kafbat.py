"""Kafbat UI: the addresses of its pages and of its API, as in its own API description (contract/, v1.5)."""

from __future__ import annotations

from urllib.parse import quote


def api_addresses(url: str, lab: str, topic: str) -> tuple[str, str]:
    """Return the addresses for programs of a topic, and of its records from the beginning."""
    address = f"{url}/api/clusters/{quote(lab)}/topics/{quote(topic)}"
    return address, f"{address}/messages/v2?mode=EARLIEST&limit=100"


def page_addresses(url: str, lab: str, topic: str) -> tuple[str, str]:
    """Return the addresses of Kafbat's pages: all topics, and the records of a topic."""
    address = f"{url}/ui/clusters/{quote(lab)}/all-topics"
    return address, f"{address}/{quote(topic)}/messages"
