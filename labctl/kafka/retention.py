"""Which records Kafka deletes because of their age: a surprise for who loads records of last year."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.wording import counted


def expired_before(config: Mapping[str, str], now: float) -> int:
    """Return the time in milliseconds since 1970 before which records are deleted, by a topic's config; 0: none are.

    `now` in seconds since 1970. Kafka deletes a segment whose newest record is older than retention.ms
    (kafka.apache.org/documentation, "Topic Configs").
    """
    retention = int(config.get("retention.ms", -1))
    if retention < 0 or "delete" not in config.get("cleanup.policy", ""):
        return 0
    return max(0, round(now * 1000) - retention)


def expired_note(topic: str, count: int) -> str:
    """Return what happens to `count` records that are older than the topic keeps them, and what to do."""
    return (
        f"older than the retention.ms of {topic}: {counted(count, 'record')}, which Kafka may delete within minutes; "
        "set retention.ms=-1 for the topic now"
    )
