"""The formats of single values in lab.yaml: each function returns the value or raises ValueError with the rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from labctl.versions import OLDEST, version_tuple

MAVEN = "maven:"  # before the coordinates of a plugin of Kafka Connect

VOTERS = (1, 3, 5)


def matching(pattern: str, rule: str) -> Callable[[str], str]:
    """Return a validator of text that `pattern` matches as a whole. It raises ValueError with `rule` for other text."""

    def validate(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(rule)
        return value

    return validate


lab_name = matching(
    r"[A-Za-z0-9][A-Za-z0-9-]{0,39}",
    "a lab's name is 1 to 40 letters, digits and -, and starts with a letter or digit",
)
heap_size = matching(r"[1-9][0-9]{0,6}[mg]", "a heap is a whole number with m or g, like 512m or 2g")
record_line = matching(r"[^\n]*", "a record is one line of text")
file_name = matching(r"[^\x00-\x1f\x7f]+", "the name of a file is text without control characters")
host_name = matching(
    r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", "a host is a name or an IPv4 address, without scheme or port"
)
setting_name = matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", "a setting's name is letters, digits, '.', '_' and '-'")
maven_version = matching(
    r"maven:[A-Za-z0-9._-]+:[A-Za-z0-9._-]+:[A-Za-z0-9._-]+", "a plugin of Maven is maven:GROUP:ARTIFACT:VERSION"
)
resource_pattern = matching(r"[A-Za-z0-9._-]{1,248}\*?|\*", "a name, a prefix followed by *, or * alone")


def topic_name(value: str) -> str:
    """Return the name of a topic, by Kafka's own rule (org.apache.kafka.common.internals.Topic). Raises ValueError."""
    if value in {".", ".."} or not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise ValueError("a topic's name is 1 to 249 letters, digits, '.', '_' and '-'")
    return value


def kafka_version(value: str) -> str:
    """Return a version of Kafka that labctl supports. Raises ValueError."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", value):
        raise ValueError('a Kafka version looks like "4.4.0" (in quotes)')
    if version_tuple(value) < OLDEST:
        raise ValueError(f"labctl supports Kafka {'.'.join(map(str, OLDEST))} and newer")
    return value


def even_voters(voters: int) -> str:
    """Return why an even number of voters is no use, or ""."""
    return f": {voters} voters tolerate no more failures than {voters - 1}" if voters in {2, 4} else ""


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


def connect_plugin(value: str) -> str:
    """Return a plugin of Kafka Connect: the coordinates of Maven, or the name of a file. Raises ValueError."""
    return maven_version(value) if value.startswith(MAVEN) else file_name(value)


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a validator that returns one of `names`, and raises ValueError for any other text."""
    quoted = [f"'{name}'" for name in names]
    rule = f"should be {', '.join(quoted[:-1])} or {quoted[-1]}"

    def validate(value: str) -> str:
        if value not in names:
            raise ValueError(rule)
        return value

    return validate
