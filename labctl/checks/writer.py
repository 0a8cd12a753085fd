"""Records that go on coming while a check looks at something else."""

from __future__ import annotations

import contextlib
import threading
from typing import Self

from labctl.errors import KafkaFailed
from labctl.kafka_client import KafkaClient

BATCH = 5
PAUSE = 0.02  # seconds between batches: the log must outlast what is looked at, not fill the disk


class Writer(contextlib.AbstractContextManager["Writer"]):
    """Writes batches beside the caller until the block ends. `acknowledged` holds what Kafka said it has."""

    def __init__(self, client: KafkaClient, topic: str, mark: str) -> None:
        self._client = client
        self._topic = topic
        self._mark = mark
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.acknowledged: list[bytes] = []
        self.refusal = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._enough.set()
        if kind is None or issubclass(kind, Exception):  # an interrupt waits for no answer of Kafka's
            self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._enough.wait(PAUSE):
            batch = [f"{self._mark} {number + one}".encode() for one in range(BATCH)]
            number += BATCH
            try:
                self._client.produce(self._topic, [(value, value) for value in batch])
            except KafkaFailed as error:
                self.refusal = self.refusal or error.message
            else:
                self.acknowledged += batch
