"""Orders whose values have a schema, which the lab's registry keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator

from labctl.errors import LabStopped
from labctl.kafka.librdkafka.schemas import SchemaClient
from labctl.plan.model import LabPlan
from labctl.records.order_schemas import ORDER_SCHEMAS
from labctl.records.orders import orders
from labctl.records.record import RecordData


def orders_with_schema(plan: LabPlan, topic: str, language: str) -> Iterator[RecordData]:
    """Return an iterator of orders for a topic, serialized with a schema in a language of ORDER_SCHEMAS.

    Raises LabStopped where the lab has no registry, HostError where confluent-kafka is not installed. The iterator
    raises ServiceFailed where the registry does not respond, or refuses the schema.
    """
    registry = plan.service("schema_registry")
    if registry is None:
        raise LabStopped(
            f"the lab {plan.name} has no schema registry",
            "set services: {schema_registry: true} in lab.yaml, then labctl stop and labctl up",
        )
    kind, schema = ORDER_SCHEMAS[language]
    client = SchemaClient(registry.url)
    serialize = client.serializer(topic, kind, schema)
    return (order._replace(value=serialize(json.loads(order.value or b"{}"))) for order in orders())
