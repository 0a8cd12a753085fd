"""Names of folders that Java or Kafka can't use."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from labctl.errors import HostError
from labctl.service_kinds import SERVICES
from labctl.system.utf8_locale import NAMES, utf8_locale

OTHER_STATE = "name another state folder in XDG_STATE_HOME"


# what a setting of a service gives a meaning, and whose: ; ends H2's URL, ${…} is a variable of JAAS
MEANINGS = {"schema_registry": (";", "a semicolon ends a name"), "connect": ("${", "${ begins a variable")}


def require_usable(state: str, services: Iterable[str] = ()) -> None:
    """Raise HostError where nodes, or services of these kinds, can't have their data below the state folder `state`."""
    for kind in services:
        text, meaning = MEANINGS[kind]
        if text in state:
            title = SERVICES[kind].title
            raise HostError(f"{title} can't use the state folder {state}: in its settings {meaning}", OTHER_STATE)
    if "," in state:  # log.dirs is a list, and has no escapes
        raise HostError(f"Kafka can't use the state folder {state}: in its settings a comma ends a name", OTHER_STATE)
    if not state.isascii() and sys.platform == "linux" and utf8_locale() is None:
        raise HostError(
            f"Java can't use the state folder {state}: this machine has no locale with the encoding UTF-8",
            f"{OTHER_STATE}, or install one of {', '.join(NAMES)}",
        )
