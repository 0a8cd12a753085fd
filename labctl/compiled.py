"""Templates compiled once for this user: compiling them anew takes a tenth of a quick `up`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs
from jinja2.bccache import Bucket, FileSystemBytecodeCache


class CompiledTemplates(FileSystemBytecodeCache):
    """Jinja's own cache, in the user's cache folder. One that can't be used costs time, never a failure."""

    @classmethod
    def of_user(cls) -> CompiledTemplates:
        """The cache of this user, made on first use."""
        folder = Path(platformdirs.user_cache_path("labctl")) / "templates"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(str(folder))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled before."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled now."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)
