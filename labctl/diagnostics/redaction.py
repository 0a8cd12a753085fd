"""Removing secrets from what people read: known values in all their forms, and what looks like a secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, unquote

T = TypeVar("T")

HIDDEN = "[hidden]"
SHORTEST = 6  # a shorter value is too likely to be part of another word
_SECRET_NAME = re.compile(
    r"passw|secret|token$|credential|api[._-]?key|private[._-]?key|access[._-]?key", re.IGNORECASE
)
_LOGIN_IN_ADDRESS = re.compile(r"(?:^|//)([^/\s:@]*):([^\s/]+)@(?!sha256:)")
_WORDS = r"(?:passw(?:or)?d|passphrase|secret|token|api[._-]?key|private[._-]?key|access[._-]?key)"
_LOOKS_SECRET = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    # password=x, "ssl.key.password": "x", token: x; not ${file:…}, which says where the secret is, nor Kafka's own null
    (
        re.compile(
            rf"({_WORDS}\\?[\"']?\s*[=:]\s*\\?[\"']?)(?!\$\{{|null\b|None\b|\[hidden\])[^\s\"'\\,;&}}\]]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(Authorization:\s*\w+\s+)\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\w://[^/\s:@]+:)[^@/\s]+(?=@)"), rf"\1{HIDDEN}"),
)


def is_secret(name: str) -> bool:
    """Return whether a setting or a variable called `name` holds a secret."""
    return bool(_SECRET_NAME.search(name))


def secrets_in(settings: Mapping[str, str]) -> list[str]:
    """Return the values of those settings or variables that hold secrets, and the passwords in all their addresses.

    An address of a proxy or of a mirror may have no scheme: `user:password@host`.
    """
    named = [value for name, value in settings.items() if is_secret(name) and not value.startswith("${")]
    logins = [login for value in settings.values() for login in _LOGIN_IN_ADDRESS.findall(value)]
    return named + [form for user, word in logins for form in dict.fromkeys([word, unquote(word), f"{user}:{word}@"])]


def without_login(address: str) -> str:
    """Return the address of a proxy or mirror without its user and password."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


class Redactor:
    """Replaces the secrets `values` (literal, quoted, in base64 at any offset), and what looks like a secret."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        # the longest first: a form may be part of another form
        known = "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
        self._known = re.compile(known) if known else None

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        for pattern, replacement in _LOOKS_SECRET:
            text = pattern.sub(replacement, text)
        return text

    def of(self, value: T) -> T:
        """Return `value` with all its texts redacted: dataclasses, tuples, lists, mappings."""
        return self._of(value)  # type: ignore[no-any-return]

    def _of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: self._of(getattr(value, field.name)) for field in fields(value)})
        if isinstance(value, Mapping):
            return {key: HIDDEN if _is_plain_secret(key, item) else self._of(item) for key, item in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self._of(item) for item in value)
        return value


def _is_plain_secret(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str) and is_secret(key) and not value.startswith("${")


def _forms(value: str) -> set[str]:
    forms = {value, json.dumps(value)[1:-1], quote(value), quote(value, safe="")}
    raw = value.encode()
    for offset, first in (
        (0, 0),
        (1, 2),
        (2, 3),
    ):  # base64 turns three bytes into four letters, at any of three offsets
        whole = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
        inner = whole[first:] if (offset + len(raw)) % 3 == 0 else whole[first:-1]
        if len(inner) >= SHORTEST:
            forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
