"""What a command prints on stdout: for people, or for programs."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import click

from labctl.cli.printable import printable


def print_text(text: str) -> None:
    """Print `text` for people, without what would control a terminal. Raises HostError."""
    print_raw(printable(text))


def print_json(value: Any) -> None:
    """Print one JSON document. Raises HostError."""
    print_json_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_text(text: str) -> None:
    """Print a JSON document that is a text already. Raises HostError."""
    if "utf" not in sys.stdout.encoding.lower():  # JSON has its own way to write characters by number
        text = re.sub(r"[^\x00-\x7f]", lambda character: json.dumps(character[0])[1:-1], text)
    print_raw(text)


def print_raw(text: str) -> None:
    """Print `text` as it is. Raises HostError where stdout can't be written, BrokenPipeError where nobody reads it."""
    with _stdout_errors():
        click.echo(text, nl=False)


def print_bytes(data: bytes) -> None:
    """Print `data` as it is, whatever the encoding of stdout is. Raises as `print_raw`."""
    with _stdout_errors():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _stdout_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        from labctl.errors import HostError

        raise HostError(f"stdout can't be written: {error.strerror}", "free some space, or print elsewhere") from None


def print_format(form: str, text: str) -> None:
    """Print a document of a format: text, terminal, json, sarif, or another one as it is. Raises HostError."""
    if form in {"text", "terminal"}:
        print_text(text)
    elif form in {"json", "sarif"}:
        print_json_text(text)
    else:
        print_raw(text)
