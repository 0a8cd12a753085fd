"""Settings of brokers whose values in lab.yaml are hidden by others that were set while the brokers ran."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.kafka.client import KafkaClient


def overridden_settings(client: KafkaClient, wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return those of the `wanted` settings of all brokers that have another value since one was set at run time.

    Each with its wanted value, as `KafkaClient.alter_settings` takes it. Raises KafkaFailed.
    """
    now = client.settings_by_broker()[0] if wanted else {}
    return {name: value for name, value in wanted.items() if now.get(name, value) != value}
