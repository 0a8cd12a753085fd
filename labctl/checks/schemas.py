"""The schema registry: it keeps versions of schemas, refuses what breaks them, and records with schemas are read."""

from __future__ import annotations

import contextlib
from typing import Any

from labctl.checks.base import CheckFailed, CheckPass, Skipped
from labctl.checks.context import CheckContext, Unavailable
from labctl.errors import ServiceFailed
from labctl.kafka.librdkafka.schemas import AVRO, INCOMPATIBLE, JSON_SCHEMA, SchemaClient

ORDER = {"orderid": 1001, "amount": 599.99}
FIELDS = [{"name": "orderid", "type": "long"}, {"name": "amount", "type": "double"}]
AVRO_SCHEMA = {"type": "record", "name": "Order", "fields": FIELDS}
MORE_FIELDS = [*FIELDS, {"name": "currency", "type": "string", "default": "EUR"}]
COMPATIBLE = {**AVRO_SCHEMA, "fields": MORE_FIELDS}  # what was written before can be read by it
BROKEN = {**AVRO_SCHEMA, "fields": [*FIELDS, {"name": "customer", "type": "string"}]}  # by this it can't
JSON_OF_ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": {"orderid": {"type": "integer"}, "amount": {"type": "number"}},
}
LANGUAGES: dict[str, dict[str, Any]] = {AVRO: AVRO_SCHEMA, JSON_SCHEMA: JSON_OF_ORDER}


def no_registry(context: CheckContext) -> str | None:
    """Return why this check can't run, or None where it can."""
    return context.registry.reason if isinstance(context.registry, Unavailable) else None


def schemas(context: CheckContext) -> CheckPass:
    """Return a pass where an incompatible schema is refused, and records in Avro and JSON Schema are read as written.

    Raises CheckFailed where they are not, Skipped where there is no registry, KafkaFailed, HostError, ServiceFailed.
    """
    if isinstance(context.registry, Unavailable):
        raise Skipped(context.registry.reason)
    client = SchemaClient(context.registry)
    topic = context.topic("schemas")
    names = {kind: f"{topic}-{kind.lower()}" for kind in LANGUAGES}  # a serializer's subject is NAME-value
    try:
        written = [
            client.serializer(names[kind], kind, schema)(ORDER)  # it registers the schema
            for kind, schema in LANGUAGES.items()
        ]
        _require_refusal(client, f"{names[AVRO]}-value")
        context.client.produce(topic, [(None, data) for data in written], partition=0)
        read = [record.value for record in context.client.read(topic, until=len(written), seconds=context.timeout)]
        if read != written:
            raise CheckFailed(f"wrote {written}, read {read}")
        for (kind, schema), data in zip(LANGUAGES.items(), written, strict=True):
            found = client.deserialize(names[kind], kind, schema, data)
            if dict(found) != ORDER:
                raise CheckFailed(f"wrote {ORDER} with {kind}, read {found}")
    finally:
        for name in names.values():
            _delete(client, f"{name}-value")
    return CheckPass(f"an incompatible schema was refused; Avro and JSON Schema records in and out: {context.registry}")


def _require_refusal(client: SchemaClient, subject: str) -> None:
    """Raise CheckFailed where a subject accepts a schema that can't read what its earlier schema wrote.

    That is the compatibility BACKWARD, which a registry of Confluent has for each new subject.
    """
    client.register(subject, AVRO, COMPATIBLE)
    try:
        client.register(subject, AVRO, BROKEN)
    except ServiceFailed as error:
        if error.status != INCOMPATIBLE:
            raise
    else:
        raise CheckFailed(f"{subject} accepted a schema that can't read its earlier records: {BROKEN}")


def _delete(client: SchemaClient, subject: str) -> None:
    """Delete a subject of this check, which it may not have registered."""
    with contextlib.suppress(ServiceFailed):
        client.delete(subject)
