"""Records that keep arriving while a check examines something else."""

from __future__ import annotations

import contextlib
import threading
from typing import Self

from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient

BATCH = 5
PAUSE = 0.02  # seconds between batches: records must arrive all the time, and not fill the disk


class Writer(contextlib.AbstractContextManager["Writer"]):
    """Writes batches in a thread until the block ends.

    `acknowledged` holds the records that Kafka acknowledged, `error` the message of the first write that failed.
    """

    def __init__(self, client: KafkaClient, topic: str, mark: str) -> None:
        self._client = client
        self._topic = topic
        self._mark = mark
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.acknowledged: list[bytes] = []
        self.error = ""

    @property
    def rejected(self) -> bool:
        """Whether a write failed, and none succeeded."""
        return bool(self.error) and not self.acknowledged

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        if kind is None or issubclass(kind, Exception):  # an interrupt does not wait for Kafka
            self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._stop.wait(PAUSE):
            batch = [f"{self._mark} {number + place}".encode() for place in range(BATCH)]
            number += BATCH
            try:
                self._client.produce(self._topic, [(value, value) for value in batch])
            except KafkaFailed as error:
                self.error = self.error or error.message
            else:
                self.acknowledged += batch
