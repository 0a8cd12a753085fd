"""Standard input, output and errors: they are always open, and any character can be printed."""

from __future__ import annotations

import io
import os
import sys


def open_standard_streams() -> None:
    """Open /dev/null in place of each that the caller closed, as `>&-` does.

    Otherwise the next file that labctl opens is its standard output, and programs that it starts write into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so this one
            os.set_inheritable(opened, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: PTH123, SIM115


def print_any_character() -> None:
    """Let characters that the output's encoding does not have be printed as their numbers: it may be any encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def require_utf8() -> None:
    """Start this command again in Python's UTF-8 mode where the names of files and the output would not be UTF-8.

    Python takes the encoding from the locale, and C and POSIX have ASCII where UTF-8 mode is switched off. Does not
    return then.
    """
    if sys.getfilesystemencoding().lower() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - labctl itself
