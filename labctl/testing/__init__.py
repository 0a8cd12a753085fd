"""Kafka labs for tests: a pytest plugin, and `Lab` for other test runners.

    with Lab() as lab:
        producer = KafkaProducer(bootstrap_servers=lab.bootstrap)

Under pytest the plugin provides the fixtures `kafka_lab`, `kafka_bootstrap` and `kafka_topic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.testing.lab import Lab

__all__ = ["Lab"]


def __getattr__(name: str) -> Any:
    """Return `Lab`, imported when it is needed: pytest loads the plugin at each start. Raises HostError on Windows."""
    if name != "Lab":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labctl.windows import refuse_windows

    refuse_windows()
    from labctl.testing.lab import Lab

    return Lab
