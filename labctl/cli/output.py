"""What a command prints on stdout: for people, or for programs."""

from __future__ import annotations

import json
from typing import Any

import click

from labctl.cli.printable import printable


def print_text(text: str) -> None:
    """Print `text` for people, without what would control a terminal. Raises HostError."""
    print_raw(printable(text))


def print_json(value: Any) -> None:
    """Print one JSON document. Raises HostError."""
    print_raw(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_raw(text: str) -> None:
    """Print `text` as it is. Raises HostError where stdout can't be written, BrokenPipeError where nobody reads it."""
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        from labctl.errors import HostError

        raise HostError(f"stdout can't be written: {error.strerror}", "free some space, or print elsewhere") from None
