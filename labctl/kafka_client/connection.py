"""The connections of one client: made when first needed, for all threads."""

from __future__ import annotations

import functools
import importlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Self

from labctl.errors import KafkaFailed
from labctl.kafka_client.border import close_all, connecting, end_producer, translated

REQUEST_SECONDS = 10
CONNECT_SECONDS = 5
GRACE_SECONDS = 2.0  # for the library's own words on why an answer did not come
RETRY_MILLISECONDS = 20
METADATA_MILLISECONDS = 5  # each new consumer waits for it once


class Connection:
    """Where to and as whom, and kafka-python's clients that lead there: an admin, a producer, a reader."""

    def __init__(
        self,
        bootstrap: str,
        settings: Mapping[str, Any] | None = None,
        connect: float = CONNECT_SECONDS,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        importlib.import_module("kafka")  # whole before any part of it: `load_library` may be at it
        from kafka.cluster import ClusterMetadata

        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        # kafka-python hands retry_backoff_ms to all its parts but this one, which then pauses 100 ms for each new topic
        ClusterMetadata.DEFAULT_CONFIG["retry_backoff_ms"] = METADATA_MILLISECONDS
        self.bootstrap = bootstrap
        self._settings = {
            "bootstrap_servers": bootstrap.split(","),
            "client_id": "labctl",
            "bootstrap_timeout_ms": int(connect * 1000),
            "request_timeout_ms": int(seconds * 1000),
            "reconnect_backoff_ms": 10,
            "reconnect_backoff_max_ms": 30,
            "retry_backoff_ms": RETRY_MILLISECONDS,
            **(settings or {}),
        }
        # by default who looks at a topic that is deleted meanwhile makes it anew; kafka-python's admin has no such key
        self._client_settings = self._settings | {"allow_auto_create_topics": False}
        self._seconds = seconds
        self.patience = connect + seconds + GRACE_SECONDS  # for one verb, in seconds
        self._making = threading.Lock()
        self._reading = threading.Lock()
        self._admin: Any = None
        self._producer: Any = None
        self._reader: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; the next verb connects anew."""
        producer, admin, reader = self._producer, self._admin, self._reader
        self._admin = self._producer = self._reader = None
        self._making, self._reading = threading.Lock(), threading.Lock()  # who was left behind may hold the old ones
        close_all(
            [
                *([functools.partial(end_producer, producer)] if producer else []),
                *(one.close for one in (admin, reader) if one),
            ]
        )

    def _connected(self) -> Any:
        with self._making:
            admin = self._admin
            if admin is None:
                from kafka import KafkaAdminClient

                with translated(f"connect to {self.bootstrap}"):
                    admin = self._admin = connecting(KafkaAdminClient, **self._settings)
            return admin

    def _writer(self) -> Any:
        with self._making:
            producer = self._producer
            if producer is None:
                producer = self._producer = self._make_producer()
            return producer

    def _make_producer(self, **settings: Any) -> Any:
        from kafka import KafkaProducer

        ends = dict.fromkeys(("max_block_ms", "delivery_timeout_ms"), int(self._seconds * 1000))
        return KafkaProducer(**self._client_settings, **ends, **settings)

    def _ask(self, request: Any, what: str) -> Any:
        """What the first bootstrap address that answers says: a wrong advertised address must not hide it."""
        return next(self._ask_each(request, what))

    def _ask_each(self, request: Any, what: str) -> Iterator[Any]:
        """What each bootstrap address says that answers. Raises KafkaFailed where none does."""
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no verb for it
        refusals = []
        answered = False
        for broker in manager.cluster.bootstrap_brokers():
            try:
                with translated(f"{what} at {broker.host}:{broker.port}"):
                    answer = manager.run(manager.send, request, broker.node_id)
            except KafkaFailed as error:
                refusals.append(error)
                continue
            answered = True
            yield answer
        if not answered:
            raise KafkaFailed("; ".join(refusal.message for refusal in refusals))
