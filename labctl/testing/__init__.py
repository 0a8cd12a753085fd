"""Kafka labs for tests: a pytest plugin, and `Lab` for other test runners.

    with Lab() as lab:
        producer = KafkaProducer(bootstrap_servers=lab.bootstrap)

Under pytest the plugin provides the fixtures `kafka_lab`, `kafka_bootstrap` and `kafka_topic`.
"""

from __future__ import annotations

from labctl.testing.lab import Lab

__all__ = ["Lab"]
