"""Jobs in parallel, in daemon threads: concurrent.futures joins its threads at exit, and Ctrl-C must not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


def run_with_timeout(job: Callable[[], T], seconds: float) -> T:
    """Run `job` in a thread of its own and return its result. Raises TimeoutError after `seconds`; the thread goes on.

    The caller can be interrupted, even where `job` is a library that swallows interrupts.
    """
    (result,) = run_all([job], workers=1, seconds=seconds)
    return result


def run_pair(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Run two jobs in parallel and return both results. Raises what the first to fail raised."""
    jobs: list[Callable[[], Any]] = [first, second]
    first_result, second_result = run_all(jobs, workers=2)
    return first_result, second_result


def run_all(jobs: Sequence[Callable[[], T]], workers: int, seconds: float | None = None) -> list[T]:
    """Run `jobs` in up to `workers` threads and return their results, in their order.

    Raises the first error of a job, and TimeoutError where no job ends within `seconds` of the previous job.
    """
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()
    for numbered in enumerate(jobs):
        waiting.put(numbered)

    def work() -> None:
        while True:
            try:
                number, job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, job(), None))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                done.put((number, None, error))

    for _ in range(min(workers, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    results: dict[int, T] = {}
    while len(results) < len(jobs):
        try:
            number, result, error = done.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"not done after {seconds} s") from None
        if error is not None:
            raise error
        results[number] = result  # type: ignore[assignment]
    return [results[number] for number in range(len(jobs))]
