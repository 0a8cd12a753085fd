"""The last resort: one sentence for an error that no part of labctl expected, and a file for those who fix it."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from labctl import __version__
from labctl.diagnostics.redaction import Redactor, secrets_in
from labctl.errors import Defect, HostError, LabError, shortage, unwritable
from labctl.state.store import LabStore
from labctl.system.files import write_private

FOLDER = "defects"  # in the state folder
KEPT = 20  # files; the oldest are removed
NO_THREAD = "can't start new thread"  # CPython's RuntimeError where the system refuses one


def as_lab_error(error: Exception) -> LabError:
    """Return the error with a sentence, a remedy and an exit code. A defect's traceback is written to a file."""
    if isinstance(error, LabError):
        return error
    if known := _of_the_machine(error):
        return known
    sentence = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Defect(f"a defect in labctl: {sentence}", _report_hint(error))


def _of_the_machine(error: Exception) -> HostError | None:
    """The error where the machine is the reason, or None."""
    if isinstance(error, MemoryError) or str(error) == NO_THREAD:
        return shortage(errno.ENOMEM if isinstance(error, MemoryError) else errno.EAGAIN)
    return _of_the_system(error) if isinstance(error, OSError) else None


def _of_the_system(error: OSError) -> HostError | None:
    """The error where the system refused something, or None where only labctl can know what."""
    if folder := _lost_folder():
        return HostError(folder, "cd to a folder that exists, then run the command again")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return unwritable(error.filename or "a file of labctl", error, "free some space")
    if known := shortage(error.errno):
        return known
    if not error.filename:
        return None
    forbidden = error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
    hint = "fix its permissions, or use another file or folder" if forbidden else _report_hint(error)
    return HostError(f"{error.filename}: {error.strerror}", hint)


def _lost_folder() -> str:
    """What is wrong with the current folder, or ""."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return "the current folder does not exist any more"
    except OSError as error:
        return f"the current folder can't be read: {error.strerror}"
    return ""


def _report_hint(error: Exception) -> str:
    """Say where the details are, for the report of a defect."""
    kernel = os.uname()
    system = f"Python {platform.python_version()}, {kernel.sysname} {kernel.release} {kernel.machine}"
    text = Redactor(secrets_in(os.environ)).text(
        f"labctl {__version__}, {system}\n$ {shlex.join(sys.argv)}\n\n{''.join(traceback.format_exception(error))}"
    )
    path = _write_details(text.encode(errors="backslashreplace").decode())  # an argument may be no text
    return f"please report it, with the file {path}" if path else "please report it"


def _write_details(text: str) -> Path | None:
    """Write the details into the state folder, or the system's folder for temporary files; None: into neither."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    with contextlib.suppress(OSError, LabError):
        folder = LabStore().root / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in sorted(folder.glob("*.txt"))[: -KEPT + 1]:
            old.unlink()
        write_private(folder / name, text)
        return folder / name
    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(prefix="labctl-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return Path(path)
    return None
