"""The formats of single values in lab.yaml: each function returns the value or raises ValueError with the rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from labctl.versions import OLDEST, version_tuple

VOTERS = (1, 3, 5)


def lab_name(value: str) -> str:
    """Return the name of a lab. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", value):
        raise ValueError("a lab's name is 1 to 40 letters, digits and -, and starts with a letter or digit")
    return value


def topic_name(value: str) -> str:
    """Return the name of a topic, by Kafka's own rule (org.apache.kafka.common.internals.Topic). Raises ValueError."""
    if value in {".", ".."} or not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise ValueError("a topic's name is 1 to 249 letters, digits, '.', '_' and '-'")
    return value


def heap_size(value: str) -> str:
    """Return the size of a Java heap. Raises ValueError."""
    if not re.fullmatch(r"[1-9][0-9]{0,6}[mg]", value):
        raise ValueError("a heap is a whole number with m or g, like 512m or 2g")
    return value


def kafka_version(value: str) -> str:
    """Return a version of Kafka that labctl supports. Raises ValueError."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", value):
        raise ValueError('a Kafka version looks like "4.3.1" (in quotes)')
    if version_tuple(value) < OLDEST:
        raise ValueError(f"labctl supports Kafka {'.'.join(map(str, OLDEST))} and newer")
    return value


def voter_count(value: int) -> int:
    """Return the number of a quorum's voters. Raises ValueError."""
    if value not in VOTERS:
        raise ValueError(f"1, 3 or 5{even_voters(value)}")
    return value


def even_voters(voters: int) -> str:
    """Return why an even number of voters is no use, or ""."""
    return f": {voters} voters tolerate no more failures than {voters - 1}" if voters in {2, 4} else ""


def record_line(value: str) -> str:
    """Return a seed record. Raises ValueError where it is more than one line."""
    if "\n" in value:
        raise ValueError("a record is one line of text")
    return value


def host_name(value: str) -> str:
    """Return a host name or an IPv4 address. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", value):
        raise ValueError("a host is a name or an IPv4 address, without scheme or port")
    return value


def ipv4_address(value: str) -> str:
    """Return an IPv4 address. Raises ValueError."""
    parts = value.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,3}", part) and int(part) <= 255 for part in parts):
        raise ValueError("the address to bind is an IPv4 address, like 127.0.0.1")
    return value


def user_name(value: str) -> str:
    """Return the name of a user. Raises ValueError where the lab itself has that user."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", value):
        raise ValueError("a user's name is 1 to 40 letters, digits, '_' and '-', and starts with a letter")
    if re.fullmatch(r"(broker|controller)(-[0-9]+)?|admin|nobody|ANONYMOUS", value):
        raise ValueError("the lab itself has a user of this name; choose another name")
    return value


def resource_pattern(value: str) -> str:
    """Return the name of a resource, a prefix and `*`, or `*`. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,248}\*?", value) or not value:
        raise ValueError("a name, a prefix followed by *, or * alone")
    return value


def setting_name(value: str) -> str:
    """Return the name of a setting. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", value):
        raise ValueError("a setting's name is letters, digits, '.', '_' and '-'")
    return value


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a validator that returns one of `names`, and raises ValueError for any other text."""
    quoted = [f"'{name}'" for name in names]
    rule = f"should be {', '.join(quoted[:-1])} or {quoted[-1]}"

    def validate(value: str) -> str:
        if value not in names:
            raise ValueError(rule)
        return value

    return validate
