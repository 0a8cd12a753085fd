"""Values that carry the id of a schema: the wire format of Confluent's registry, decoded for the page."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from typing import Any

from labctl.plan.model import ServicePlan
from labctl.services.api import request

HEADER = 5  # bytes: 0, and the id of the schema as a number of four bytes
SECONDS = 1.0  # for a response of the registry
AGAIN_SECONDS = 10.0  # until a schema that it did not have is asked for again
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
        self._failed: dict[int, float] = {}

    def decode(self, value: bytes) -> Decoded | None:
        """Return a value in Avro or JSON Schema as JSON; None where it is something else, or has an unknown schema."""
        if self._registry is None or len(value) < HEADER or value[0] != 0:
            return None
        number = int.from_bytes(value[1:HEADER], "big")
        kind, schema = self._schema(number)
        try:
            if kind == AVRO:
                import fastavro

                content = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), schema, None)
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
        if self._registry is None or time.monotonic() - self._failed.get(number, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return "", None
        try:
            found = request(self._registry, f"/schemas/ids/{number}", seconds=SECONDS)
            kind = found.get("schemaType") or AVRO  # left out for Avro
            self._schemas[number] = kind, _parsed(kind, found)
        except Exception:  # noqa: BLE001 - the registry does not respond, or has a schema that fastavro rejects
            self._failed[number] = time.monotonic()
            return "", None
        return self._schemas[number]


def _parsed(kind: str, found: dict[str, Any]) -> Any:
    """A schema that fastavro can read with; one that refers to other subjects is not decoded."""
    if kind != AVRO or found.get("references"):
        return None
    import fastavro

    return fastavro.parse_schema(json.loads(found["schema"]))
