"""Java's .properties files."""

from __future__ import annotations

import json
from collections.abc import Mapping


def properties_value(value: str) -> str:
    """Return `value` for a .properties file. java.util.Properties has JSON's escapes too, and needs none for quotes."""
    return json.dumps(value)[1:-1].replace('\\"', '"')


def properties_text(settings: Mapping[str, str]) -> str:
    """Return `settings` as a .properties file."""
    return "".join(f"{key}={properties_value(value)}\n" for key, value in settings.items())
