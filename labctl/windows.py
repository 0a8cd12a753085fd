"""Windows, where labctl runs in WSL 2: Kafka's nodes and their locks, signals and file modes need Linux or macOS."""

from __future__ import annotations

import sys

from labctl.errors import HostError

WINDOWS = {"win32", "cygwin", "msys"}  # sys.platform of Python for Windows, of Cygwin's, of Git Bash's own


def refuse_windows() -> None:
    """Raise HostError where Python is one for Windows, before a module is imported that Windows does not have."""
    if sys.platform in WINDOWS:
        raise HostError(
            "labctl does not run on Windows itself, it runs in WSL 2 (Windows Subsystem for Linux)",
            "run `wsl --install` once, then install and run labctl in the Linux that `wsl` opens",
        )
