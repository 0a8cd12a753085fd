"""Records with schemas, by confluent-kafka's serializers and its client of a schema registry."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labctl.errors import ServiceFailed
from labctl.kafka.librdkafka.library import load_library
from labctl.plan.model import PAGE_ADDRESS, loopback_url

SECONDS = 10.0  # for a response
AVRO, JSON_SCHEMA = "AVRO", "JSON"  # schema types, as the registry calls them
INCOMPATIBLE = 409  # HTTP status of a registration that breaks a subject's compatibility

Values = Mapping[str, Any]  # of a record, and the JSON of a schema


class SchemaClient:
    """A client of the schema registry at a URL. Each method raises ServiceFailed, with the HTTP status if there is one.

    Raises HostError where confluent-kafka is not installed.
    """

    def __init__(self, url: str) -> None:
        load_library()
        from confluent_kafka.schema_registry import SchemaRegistryClient

        with _without_proxy():  # the client reads it now
            self._client = SchemaRegistryClient({"url": loopback_url(url), "timeout": SECONDS})

    def register(self, subject: str, kind: str, schema: Values) -> int:
        """Register a version of a subject's schema, and return the schema's id."""
        from confluent_kafka.schema_registry import Schema

        with _errors():
            return int(self._client.register_schema(subject, Schema(json.dumps(schema), kind)))

    def delete(self, subject: str) -> None:
        """Delete a subject with its versions."""
        with _errors():
            self._client.delete_subject(subject)
            self._client.delete_subject(subject, permanent=True)

    def serializer(self, topic: str, kind: str, schema: Values) -> Callable[[Values], bytes]:
        """Return a function that returns a value for a topic in the wire format, and registers the schema first.

        The wire format is 0, the schema's id in 4 bytes, the value itself.
        """
        from confluent_kafka.schema_registry.avro import AvroSerializer
        from confluent_kafka.schema_registry.json_schema import JSONSerializer

        text, context = json.dumps(schema), _context(topic)
        with _errors():
            serializer = AvroSerializer(self._client, text) if kind == AVRO else JSONSerializer(text, self._client)

        def serialize(value: Values) -> bytes:
            with _errors():
                return bytes(serializer(dict(value), context))

        return serialize

    def deserialize(self, topic: str, kind: str, schema: Values, data: bytes) -> Values:
        """Return a value that is in the wire format."""
        from confluent_kafka.schema_registry.avro import AvroDeserializer
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer

        with _errors():
            reader = AvroDeserializer(self._client) if kind == AVRO else JSONDeserializer(json.dumps(schema))
            value: Values = reader(data, _context(topic))
            return value


@contextlib.contextmanager
def _without_proxy() -> Iterator[None]:
    """No proxy for this machine's address in the block: the library has no setting for that, but its environment."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, PAGE_ADDRESS))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _context(topic: str) -> Any:
    from confluent_kafka.serialization import MessageField, SerializationContext

    return SerializationContext(topic, MessageField.VALUE)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Make one error of the library's many; httpx's and those of the serializers have no class in common."""
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        yield
    except SchemaRegistryError as error:
        raise ServiceFailed(error.error_message, status=error.http_status_code) from error
    except Exception as error:
        raise ServiceFailed(f"{type(error).__name__}: {error}") from error
