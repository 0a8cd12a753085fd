"""Names of folders that Java or Kafka can't use."""

from __future__ import annotations

import sys

from labctl.errors import HostError
from labctl.system.utf8_locale import NAMES, utf8_locale

OTHER_STATE = "name another state folder in XDG_STATE_HOME"


def require_usable(state: str) -> None:
    """Raise HostError where nodes can't have their data below the state folder `state`."""
    if "," in state:  # log.dirs is a list, and has no escapes
        raise HostError(f"Kafka can't use the state folder {state}: in its settings a comma ends a name", OTHER_STATE)
    if not state.isascii() and sys.platform == "linux" and utf8_locale() is None:
        raise HostError(
            f"Java can't use the state folder {state}: this machine has no locale with the encoding UTF-8",
            f"{OTHER_STATE}, or install one of {', '.join(NAMES)}",
        )
