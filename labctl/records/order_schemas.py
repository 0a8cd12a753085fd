"""The schema of the orders that `labctl traffic` makes up, in each language that has serializers here."""

from __future__ import annotations

from typing import Any

PARTS = {"product": "string", "pieces": "long", "price": "double"}  # of an item
FIELDS = {"orderid": "long", "customer": "string", "name": "string", "city": "string"}
JSON_TYPES = {"string": "string", "long": "integer", "double": "number"}


def _avro_fields(types: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


def _json_properties(types: dict[str, str]) -> dict[str, Any]:
    return {name: {"type": JSON_TYPES[kind]} for name, kind in types.items()}


AVRO_ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        *_avro_fields(FIELDS),
        {
            "name": "items",
            "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": _avro_fields(PARTS)}},
        },
        *_avro_fields({"amount": "double", "ordered_at": "string"}),
    ],
}
JSON_ORDER: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": _json_properties(FIELDS)
    | {"items": {"type": "array", "items": {"type": "object", "properties": _json_properties(PARTS)}}}
    | _json_properties({"amount": "double", "ordered_at": "string"}),
    "required": ["orderid", "customer", "amount"],
}
ORDER_SCHEMAS = {"avro": ("AVRO", AVRO_ORDER), "json": ("JSON", JSON_ORDER)}  # name of an option: (schema type, schema)
