"""Templates compiled once for this user: compiling them again takes a tenth of a quick `up`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs
from jinja2.bccache import Bucket, FileSystemBytecodeCache


class TemplateCache(FileSystemBytecodeCache):
    """Jinja's own cache, in the user's cache folder. If it can't be used, labctl is slower, and nothing fails."""

    @classmethod
    def of_user(cls) -> TemplateCache:
        """Return the cache of this user; its folder is created on first use."""
        folder = Path(platformdirs.user_cache_path("labctl")) / "templates"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(str(folder))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load what was compiled before."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled now."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)
