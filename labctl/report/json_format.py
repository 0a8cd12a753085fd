"""The report as JSON, reading it, and its JSON Schema."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from labctl.results import RunResult


def to_json(run: RunResult) -> str:
    """Return one JSON document."""
    return json.dumps(asdict(run), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> RunResult:
    """Return the run of a JSON report. Raises ValueError where this version can't read it."""
    from pydantic import TypeAdapter

    return TypeAdapter(RunResult).validate_json(text)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the report."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(RunResult).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "labctl report", **schema}
