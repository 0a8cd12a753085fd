"""Ids as Kafka writes them: org.apache.kafka.common.Uuid, 16 bytes in base64 for URLs."""

from __future__ import annotations

import base64
import binascii
import uuid


def encoded_id(value: uuid.UUID) -> str:
    """Return `value` as Kafka writes ids: url-safe base64, never with a leading `-`, an option of the format tool."""
    text = base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


def derived_id(text: str) -> str:
    """Return an id that is always the same for the same text."""
    return encoded_id(uuid.uuid5(uuid.NAMESPACE_OID, text))


def is_encoded_id(text: str) -> bool:
    """Return whether Uuid.fromString reads `text`: at most 24 characters, 16 bytes."""
    if len(text) > 24 or text.startswith("-"):
        return False
    try:
        return len(base64.b64decode(text.rstrip("=") + "==", altchars=b"-_", validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
