"""Templates compiled once for this user: compiling them again takes a tenth of a quick `up`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs
from jinja2.bccache import Bucket, FileSystemBytecodeCache

from labctl.errors import HostError
from labctl.system.ownership import make_private


class TemplateCache(FileSystemBytecodeCache):
    """Jinja's own cache, in the user's cache folder. If it can't be used, labctl is slower, and nothing fails."""

    @classmethod
    def of_user(cls) -> TemplateCache:
        """Return the cache of this user; its folder is created on first use."""
        folder = Path(platformdirs.user_cache_path("labctl")) / "templates"
        usable = False
        with contextlib.suppress(HostError):
            for place in (folder.parent, folder):
                make_private(place, "the cache folder", "")
            usable = True
        return cls(str(folder), usable=usable)

    def __init__(self, folder: str, *, usable: bool) -> None:
        super().__init__(folder)
        self._usable = usable  # compiled templates are code: not read where others could have written them

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load what was compiled before."""
        if self._usable:
            with contextlib.suppress(OSError):
                super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled now."""
        if self._usable:
            with contextlib.suppress(OSError):
                super().dump_bytecode(bucket)
