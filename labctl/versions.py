"""What differs between versions of Kafka: the table for settings, tool flags and checks."""

from __future__ import annotations

DEFAULT = "4.4.0"  # of labs whose lab.yaml names no version: the newest that passes every test
OLDEST = (3, 9)  # below it the tools, the settings of KRaft and the image differ in more than this table

SINCE = {
    "bootstrap snapshot": (4, 4),  # KIP-1170: the format tool writes the first snapshot of the metadata log
    "dynamic quorum": (4, 1),  # KIP-853: voters are added and removed while the cluster runs
    "share groups": (4, 2),  # KIP-932, for production use
    "--command-property": (4, 2),  # KIP-1147: before it --producer-property and --consumer-property
    "--command-config": (4, 2),  # KIP-1147: before it --producer.config and --consumer.config
}


def has(kafka_version: str, feature: str) -> bool:
    """Return whether Kafka `kafka_version` has `feature`, a key of SINCE."""
    return version_tuple(kafka_version) >= SINCE[feature]


def version_tuple(version: str) -> tuple[int, ...]:
    """Return (4, 4, 0) for 4.4.0. Raises ValueError where a part is no number."""
    return tuple(int(part) for part in version.split("."))
