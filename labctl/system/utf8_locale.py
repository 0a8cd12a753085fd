"""A locale of this machine whose encoding is UTF-8: Java takes the encoding of file names and arguments from it."""

from __future__ import annotations

import contextlib
import locale
from functools import cache

# C.UTF-8 is in every glibc since 2.35, in Debian's before, and in musl; older systems have the second or the third
NAMES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")


@cache
def utf8_locale() -> str | None:
    """Return its name, or None where this machine has none of NAMES. Messages of the system are in English then."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in NAMES:
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return None
