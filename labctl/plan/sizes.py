"""Sizes: what a heap is in bytes, and how much memory a lab needs."""

from __future__ import annotations

from collections.abc import Iterable

MEBIBYTE = 1024 * 1024
# A node's memory beside its heap (metaspace, code, threads, page cache), measured: docs/design/figures.md
MEMORY_BESIDE_HEAP = 256 * MEBIBYTE


def heap_bytes(heap: str) -> int:
    """Return `512m` or `2g` in bytes."""
    return int(heap[:-1]) * (MEBIBYTE if heap[-1] == "m" else 1024 * MEBIBYTE)


def memory_needed(nodes: int, heap: str, services: Iterable[str] = ()) -> int:
    """Return the bytes of memory that so many nodes need, each with that heap, and services with heaps of their own."""
    return sum(heap_bytes(each) + MEMORY_BESIDE_HEAP for each in [*[heap] * nodes, *services])
