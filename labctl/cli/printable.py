"""Text for a terminal: a record, a log or a lab.yaml of somebody else must not control it."""

from __future__ import annotations

# control characters but tab and new line, and those that change the direction of text (trojansource.codes)
CONTROLS = {*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {9, 10}
SHOWN = {number: f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" for number in CONTROLS}


def printable(text: str) -> str:
    """Return `text` with control characters written as hexadecimal numbers; tabs and new lines stay."""
    return text.translate(SHOWN)
