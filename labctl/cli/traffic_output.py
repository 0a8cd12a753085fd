"""The output of `traffic`, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.wording import counted

if TYPE_CHECKING:
    from labctl.kafka.librdkafka.paced import Traffic

SHARES = {"median": 0.5, "99%": 0.99, "longest": 1.0}


def traffic_text(topic: str, traffic: Traffic) -> str:
    """Return one line: how many records, how many a second, and after which time Kafka acknowledged them."""
    times = {name: traffic.latency(share) for name, share in SHARES.items()}
    shown = ", ".join(f"{seconds * 1000:.1f} ms ({name})" for name, seconds in times.items() if seconds is not None)
    after = f"; acknowledged after {shown}" if shown else ""
    records = counted(traffic.acknowledged, "record")
    failed = f"; not written: {traffic.failed:,}" if traffic.failed else ""
    return f"{records} to {topic} in {traffic.seconds:.1f} s, {traffic.rate:.1f} a second{after}{failed}"


def traffic_document(topic: str, traffic: Traffic) -> dict[str, Any]:
    """Return the same as a document; times in seconds, null without an acknowledged record."""
    return {
        "topic": topic,
        "sent": traffic.sent,
        "acknowledged": traffic.acknowledged,
        "failed": traffic.failed,
        "seconds": round(traffic.seconds, 3),
        "rate": round(traffic.rate, 1),
        "latency": {key: traffic.latency(share) for key, share in (("median", 0.5), ("p99", 0.99), ("max", 1.0))},
    }
