"""Waiting for an effect in Kafka that refuses meanwhile: nodes start, end, and elect leaders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient
from labctl.system.waiting import Deadline, NotReady, wait_until

T = TypeVar("T")


def wait_for_kafka(client: KafkaClient, probe: Callable[[], T], *, what: str, deadline: Deadline) -> T:
    """Return what `probe` returns, as soon as it raises neither NotReady nor KafkaFailed.

    After KafkaFailed, `client` connects again. Raises ReadinessTimeout with `what` was expected and what was last
    observed.
    """

    def attempt() -> T:
        try:
            return probe()
        except KafkaFailed as error:
            client.close()
            raise NotReady(error.message) from error

    return wait_until(attempt, what=what, deadline=deadline).result
