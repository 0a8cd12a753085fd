"""A Python for Windows, as far as labctl could notice: for a Python with this folder on PYTHONPATH."""

import contextlib
import os  # noqa: F401
import platform  # noqa: F401
import subprocess  # noqa: F401
import sys

import platformdirs  # noqa: F401
import psutil  # noqa: F401 - these choose their modules by sys.platform, when they are imported

with contextlib.suppress(ImportError):
    import pytest  # noqa: F401

for _name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[_name] = None
sys.platform = "win32"
