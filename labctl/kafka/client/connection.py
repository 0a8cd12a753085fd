"""The connections of one client: opened when first needed, for all threads."""

from __future__ import annotations

import functools
import importlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Self

from labctl.errors import KafkaFailed
from labctl.kafka.client.adapter import close_all, end_producer, map_errors, open_client

# kafka-python waits 30 s for each of both; a broker of this machine that does not respond in these is reported sooner
REQUEST_SECONDS = 10
CONNECT_SECONDS = 5
GRACE_SECONDS = 2.0  # for the library's own message on why no response came
RETRY_MILLISECONDS = 20  # kafka-python: 100, and up to 30 s between two attempts to connect
METADATA_MILLISECONDS = 5  # each new consumer waits for it once


class Connection:
    """Addresses and login of one Kafka, and kafka-python's clients for it: an admin, a producer, a consumer."""

    def __init__(
        self,
        bootstrap: str,
        settings: Mapping[str, Any] | None = None,
        connect: float = CONNECT_SECONDS,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        importlib.import_module("kafka")  # complete before any part of it: `load_library` may be importing it
        from kafka.cluster import ClusterMetadata

        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        # kafka-python passes retry_backoff_ms to all its parts but this class, which pauses 100 ms for each new topic.
        # Its admin has no key for the second: it would create each topic again that it has asked for, and that was
        # deleted, when a broker ends.
        ClusterMetadata.DEFAULT_CONFIG |= {
            "retry_backoff_ms": METADATA_MILLISECONDS,
            "allow_auto_create_topics": False,
        }
        self.bootstrap = bootstrap
        self.addresses = tuple(bootstrap.split(","))
        self._settings = {
            "bootstrap_servers": list(self.addresses),
            "client_id": "labctl",
            "bootstrap_timeout_ms": int(connect * 1000),
            "request_timeout_ms": int(seconds * 1000),
            "reconnect_backoff_ms": 10,
            "reconnect_backoff_max_ms": 30,
            "retry_backoff_ms": RETRY_MILLISECONDS,
            **(settings or {}),
        }
        # by default a consumer creates a topic again that was deleted meanwhile
        self._client_settings = self._settings | {"allow_auto_create_topics": False}
        self._seconds = seconds
        self.timeout = connect + seconds + GRACE_SECONDS  # for one method, in seconds
        self._opening = threading.Lock()
        self._reading = threading.Lock()
        self._admin: Any = None
        self._producer: Any = None
        self._reader: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next method connects again."""
        producer, admin, reader = self._producer, self._admin, self._reader
        self._admin = self._producer = self._reader = None
        # a call that timed out may hold the old locks
        self._opening, self._reading = threading.Lock(), threading.Lock()
        close_all(
            [
                *([functools.partial(end_producer, producer)] if producer else []),
                *(client.close for client in (admin, reader) if client),
            ]
        )

    def _connected(self) -> Any:
        with self._opening:
            admin = self._admin
            if admin is None:
                from kafka import KafkaAdminClient

                with map_errors(f"connect to {self.bootstrap}"):
                    admin = self._admin = open_client(KafkaAdminClient, **self._settings)
            return admin

    def _writer(self) -> Any:
        with self._opening:
            producer = self._producer
            if producer is None:
                producer = self._producer = self._make_producer()
            return producer

    def _make_producer(self, **settings: Any) -> Any:
        from kafka import KafkaProducer

        ends = dict.fromkeys(("max_block_ms", "delivery_timeout_ms"), int(self._seconds * 1000))
        return KafkaProducer(**self._client_settings, **ends, **settings)

    def _request(self, request: Any, what: str) -> Any:
        """Return the response of the first bootstrap address: a wrong advertised address must not hide it."""
        return next(self._request_each(request, what))

    def _request_once(self, request: Any, what: str) -> Any:
        """Return the response of the first bootstrap address; no other is asked where it does not respond.

        For a request that must not be executed later, by a broker that held it, when another one's has had its effect.
        """
        return self._request_to(self._bootstrap_brokers()[0], request, what)

    def _bootstrap_brokers(self) -> list[Any]:
        return list(self._connected()._manager.cluster.bootstrap_brokers())  # noqa: SLF001 - admin has no method for it

    def _request_to(self, broker: Any, request: Any, what: str) -> Any:
        manager = self._connected()._manager  # noqa: SLF001 - kafka-python's admin has no method for it
        with map_errors(f"{what} at {broker.host}:{broker.port}"):
            return manager.run(manager.send, request, broker.node_id)

    def _request_each(self, request: Any, what: str) -> Iterator[Any]:
        """Yield the response of each bootstrap address that responds. Raises KafkaFailed where none does."""
        failures = []
        responded = False
        for broker in self._bootstrap_brokers():
            try:
                response = self._request_to(broker, request, what)
            except KafkaFailed as error:
                failures.append(error)
                continue
            responded = True
            yield response
        if not responded:
            raise KafkaFailed("; ".join(failure.message for failure in failures))
