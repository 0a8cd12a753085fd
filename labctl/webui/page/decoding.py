"""Values that carry the id of a schema: the wire format of Confluent's registry, decoded for the page."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from typing import Any

from labctl.errors import ServiceFailed
from labctl.plan.model import ServicePlan
from labctl.services.api import request

HEADER = 5  # bytes: 0, and the id of the schema as a number of four bytes
SECONDS = 1.0  # for a response of the registry
AGAIN_SECONDS = 10.0  # until a schema that it did not have is asked for again
MOST_FAILED = 1000
LARGEST = 1_000_000  # bytes of a value that is decoded
AVRO, JSON_SCHEMA = "AVRO", "JSON"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value as JSON, and the id of its schema."""

    json: str
    schema: int


class Decoder:
    """Decodes values with the schemas of a lab's registry (None: it has none), and keeps these."""

    def __init__(self, registry: ServicePlan | None) -> None:
        self._registry = registry
        self._schemas: dict[int, tuple[str, Any]] = {}  # (kind, schema): the schema of an id never changes
        self._failed: dict[int, float] = {}  # until when a schema is not asked for
        self._silent_until = 0.0

    def decode(self, value: bytes) -> Decoded | None:
        """Return a value in Avro or JSON Schema as JSON; None where it is something else, or has an unknown schema."""
        if self._registry is None or not HEADER <= len(value) <= LARGEST or value[0] != 0:
            return None
        number = int.from_bytes(value[1:HEADER], "big")
        kind, schema = self._schema(number)
        try:
            if kind == AVRO:
                import fastavro

                content = _read_avro(fastavro, value[HEADER:], schema)
            elif kind == JSON_SCHEMA:
                content = json.loads(value[HEADER:])
            else:
                return None
            return Decoded(json.dumps(content, indent=2, ensure_ascii=False, default=str), number)
        except Exception:  # noqa: BLE001 - fastavro raises what the bytes cause: EOFError, IndexError, TypeError …
            return None

    def _schema(self, number: int) -> tuple[str, Any]:
        """The kind of a schema, and the schema; ("", None) where the registry does not have it, or does not respond."""
        if number in self._schemas:
            return self._schemas[number]
        now = time.monotonic()
        if self._registry is None or now < max(self._silent_until, self._failed.get(number, 0.0)):
            return "", None
        try:
            found = request(self._registry, f"/schemas/ids/{number}", seconds=SECONDS)
            kind = found.get("schemaType") or AVRO  # left out for Avro
            self._schemas[number] = kind, _parsed(kind, found)
        except ServiceFailed as error:
            if not error.status:  # it does not respond: each other schema would cost as long
                self._silent_until = now + AGAIN_SECONDS
            self._forget(number, now)
            return "", None
        except Exception:  # noqa: BLE001 - a schema that fastavro rejects
            self._forget(number, now)
            return "", None
        return self._schemas[number]

    def _forget(self, number: int, now: float) -> None:
        if len(self._failed) >= MOST_FAILED:
            self._failed.clear()
        self._failed[number] = now + AGAIN_SECONDS


def _read_avro(fastavro: Any, data: bytes, schema: Any) -> Any:
    """The value in all of `data`. Raises ValueError where it ends before them."""
    stream = io.BytesIO(data)
    content = fastavro.schemaless_reader(stream, schema, None)
    if stream.tell() != len(data):
        raise ValueError("it is followed by other bytes")
    return content


def is_bounded(schema: Any, inside: frozenset[str] = frozenset()) -> bool:
    """Return whether what a schema describes is no deeper than the schema, and no larger than its bytes.

    A value of a few bytes could else end this process: a record that contains itself uses up the stack, an array of
    items of no bytes has any length.
    """
    if isinstance(schema, list):
        return all(is_bounded(each, inside) for each in schema)
    if isinstance(schema, str):
        return schema not in inside
    kind = schema.get("type")
    if kind in {"record", "error"}:
        names = inside | {str(schema.get("name", "")), str(schema.get("name", "")).rpartition(".")[2]}
        return all(is_bounded(each["type"], names) for each in schema.get("fields", ()))
    if kind in {"array", "map"}:
        items = schema.get("items" if kind == "array" else "values")
        return (kind == "map" or _has_bytes(items)) and is_bounded(items, inside)  # an entry of a map has a key
    return is_bounded(kind, inside) if isinstance(kind, dict | list) else str(kind) not in inside


def _has_bytes(schema: Any) -> bool:
    """Whether each value of a schema has at least one byte."""
    if isinstance(schema, list):  # the number of its branch is a byte
        return True
    if isinstance(schema, str):
        return schema != "null"
    kind = schema.get("type")
    if kind in {"record", "error"}:
        return any(_has_bytes(each["type"]) for each in schema.get("fields", ()))
    if kind == "fixed":
        return bool(schema.get("size"))
    return _has_bytes(kind) if isinstance(kind, dict | list) else kind != "null"


def _parsed(kind: str, found: dict[str, Any]) -> Any:
    """A schema that fastavro can read with. Raises ValueError for one that refers to others, or is not bounded."""
    if kind != AVRO:
        return None
    import fastavro

    schema = json.loads(found["schema"])
    if found.get("references") or not is_bounded(schema):
        raise ValueError("it is not decoded")
    return fastavro.parse_schema(schema)
