"""Java's .properties files."""

from __future__ import annotations

import json
from collections.abc import Mapping


def properties_value(value: str) -> str:
    """`value` for a .properties file: JSON's escapes are java.util.Properties' too, and its quotes need none there."""
    return json.dumps(value)[1:-1].replace('\\"', '"')


def properties_text(settings: Mapping[str, str]) -> str:
    """`settings` as a .properties file."""
    return "".join(f"{key}={properties_value(value)}\n" for key, value in settings.items())
