"""Facts about this machine, and what a lab requires of it. Nothing is changed."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from labctl.errors import HostError
from labctl.plan.model import HostFacts
from labctl.plan.sizes import MEBIBYTE, MEMORY_BESIDE_HEAP, memory_needed

DISK_NEEDED = 300 * MEBIBYTE  # a lab's logs and preallocated indexes, with room to write
SELINUX = Path("/sys/fs/selinux/enforce")  # selinux(8): where it is on


def gather() -> HostFacts:
    """Return the facts of this machine."""
    memory = psutil.virtual_memory()
    return HostFacts(
        system=platform.system(),
        cpus=os.cpu_count() or 1,
        memory_total=memory.total,
        memory_available=memory.available,
        selinux=SELINUX.exists(),
    )


def require_disk(folder: Path) -> int:
    """Return the free bytes of the disk that holds `folder`. Raises HostError where they are too few for a lab."""
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise HostError(
            f"{folder} has {free // MEBIBYTE} MiB free, a lab needs {DISK_NEEDED // MEBIBYTE} MiB",
            "free some space, or name another state folder in XDG_STATE_HOME",
            "disk-full",
        )
    return free


def require_memory(nodes: int, heap: str, services: Sequence[str] = ()) -> int:
    """Return the available bytes of memory. Raises HostError where they are too few for so many nodes, and services.

    `services` are the heaps of these.
    """
    available = gather().memory_available
    _require_memory(nodes, heap, services, available, f"{available // MEBIBYTE} MiB are free", "end other programs")
    return available


def require_engine_memory(
    nodes: int, heap: str, total: int, machine: str = "the engine's machine", services: Sequence[str] = ()
) -> None:
    """Raise HostError where the memory of `machine`, `total` bytes, is too little for so many nodes and services."""
    more = "give it more (Docker Desktop: Settings, Resources; colima stop, then colima start --memory 4)"
    _require_memory(nodes, heap, services, total, f"{machine} has {total // MEBIBYTE} MiB", more)


def _require_memory(nodes: int, heap: str, services: Sequence[str], available: int, observed: str, remedy: str) -> None:
    needed = memory_needed(nodes, heap, services)
    if needed > available:
        beside = f", and services with heaps of {' and '.join(services)}" if services else ""
        raise HostError(
            f"this lab needs {needed // MEBIBYTE} MiB of memory ({nodes} x heap {heap} and "
            f"{MEMORY_BESIDE_HEAP // MEBIBYTE} MiB beside it{beside}), {observed}",
            f"{remedy}, or set a smaller kafka.heap or fewer nodes",
            "no-memory",
        )
