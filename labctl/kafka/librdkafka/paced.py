"""Writing records at a given rate, and how long Kafka takes to acknowledge them."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labctl.errors import Interrupted
from labctl.kafka.librdkafka.library import DELIVERY_SECONDS, POLL_SECONDS, Settings, open_producer, with_trouble
from labctl.kafka.librdkafka.writer import drop_unsent, send
from labctl.records.record import RecordData

TICK_SECONDS = 0.005  # the shortest pause: records that are due by then are sent together
MOST_TOGETHER = 100  # records; then those that are acknowledged are counted
REPORT_SECONDS = 1.0
STEPS = 10_000  # of a second: latencies are counted in steps of 0.1 ms, so that days of traffic need no memory


@dataclass(slots=True)
class Traffic:
    """What became of the records so far. `latencies` counts them by 0.1 ms from `send` to the acknowledgement."""

    sent: int = 0
    failed: int = 0
    reason: str = ""  # why the newest of those that failed did
    seconds: float = 0.0
    latencies: Counter[int] = field(default_factory=Counter)

    @property
    def acknowledged(self) -> int:
        """How many records Kafka acknowledged."""
        return self.latencies.total()

    @property
    def rate(self) -> float:
        """Acknowledged records a second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0

    def latency(self, share: float) -> float | None:
        """Return the latency in seconds that `share` of the records did not exceed; None without any record."""
        left = share * self.acknowledged
        for step in sorted(self.latencies):
            left -= self.latencies[step]
            if left <= 0:
                return step / STEPS
        return None


def write_paced(
    settings: Settings,
    topic: str,
    records: Iterator[RecordData],
    rate: float,
    seconds: float | None,
    report: Callable[[Traffic], None],
) -> Traffic:
    """Write `rate` records a second for so many `seconds` (None: until labctl is interrupted), and return the outcome.

    `report` receives it each second. What was not written within DELIVERY_SECONDS has failed; the others go on.
    Raises HostError where confluent-kafka is not installed.
    """
    trouble: list[str] = []
    traffic = Traffic()
    producer = open_producer(settings, trouble, **{"linger.ms": 0})
    began, reported = time.monotonic(), REPORT_SECONDS

    def done(sent_at: float, error: Any, _message: Any) -> None:
        if error:
            traffic.failed += 1
            traffic.reason = with_trouble(error.str(), trouble)
        else:
            traffic.latencies[round((time.monotonic() - sent_at) * STEPS)] += 1

    total = None if seconds is None else round(seconds * rate)
    try:
        while seconds is None or traffic.seconds < seconds:
            traffic.seconds = time.monotonic() - began
            due = int(traffic.seconds * rate) + 1 - traffic.sent
            left = due if total is None else total - traffic.sent
            for _ in range(min(due, left, MOST_TOGETHER)):
                send(producer, topic, next(records), partial(done, time.monotonic()))
                traffic.sent += 1
            if traffic.seconds >= reported:
                reported += REPORT_SECONDS
                report(traffic)
            pause = began + traffic.sent / rate - time.monotonic()
            producer.poll(min(max(pause, TICK_SECONDS if due <= MOST_TOGETHER else 0), POLL_SECONDS))
        give_up = time.monotonic() + DELIVERY_SECONDS
        while len(producer) and time.monotonic() < give_up:
            producer.flush(POLL_SECONDS)
    except Interrupted as interrupted:
        if interrupted.signal_number != signal.SIGINT:
            raise
        producer.flush(1)
    finally:
        drop_unsent(producer)
    return traffic
