"""The log files of a node that runs as a process of this machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLLOW_PAUSE = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class NodeLog:
    """The log in `folder`: server.log.N, the newest with N = 0, and stdout.log with what the JVM printed outside it."""

    folder: Path

    def read(self, tail: int | None) -> str:
        """Return the newest `tail` lines (all where None)."""
        lines: list[str] = []
        for path in [self.folder / "stdout.log", *reversed(self._files())]:
            with contextlib.suppress(OSError):
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines() + lines
            if tail is not None and len(lines) >= tail:
                break  # three full files of 10 MB take 0.1 s
        kept = lines if tail is None else lines[-tail:] if tail else []
        return "".join(f"{line}\n" for line in kept)

    def follow(self, tail: int | None) -> Iterator[str]:
        """Yield the newest `tail` lines, then lines as they are written, without an end."""
        yield from self.read(tail).splitlines(keepends=True)
        files = self._files()
        path = files[-1] if files else self.folder / "stdout.log"
        position = _size(path)
        while True:
            size = _size(path)
            if size < position:  # Kafka began a new file
                position = 0
            if size > position:
                with path.open("rb") as file:
                    file.seek(position)
                    fresh = file.read(size - position)
                complete = fresh.rfind(b"\n") + 1
                position += complete
                yield from fresh[:complete].decode(errors="replace").splitlines(keepends=True)
            time.sleep(FOLLOW_PAUSE)

    def has_lines_since(self, moment: float) -> bool:
        """Return whether something was logged after `moment`, in seconds since 1970."""
        stats = [path.stat() for path in self._files()]
        return any(stat.st_size and stat.st_mtime > moment for stat in stats)

    def last_written(self) -> float | None:
        """Return when the log was last written, in seconds since 1970: the system keeps no end time of a process."""
        return max((path.stat().st_mtime for path in self._files()), default=None)

    def _files(self) -> list[Path]:
        """Oldest first, without the lock file that the JDK's logging has beside them."""
        found = (path for path in self.folder.glob("server.log*") if path.suffix != ".lck")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
