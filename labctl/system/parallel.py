"""Jobs in parallel, in daemon threads: concurrent.futures joins its threads at exit, and Ctrl-C must not wait."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

Ended = tuple[int, T | None, BaseException | None]  # a job's number, and its result or error


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
    done = _start(jobs, workers)
    results: dict[int, T] = {}
    while len(results) < len(jobs):
        try:
            _keep(results, done.get(timeout=seconds))
        except queue.Empty:
            raise TimeoutError(f"not done after {seconds} s") from None
    return [results[number] for number in range(len(jobs))]


def run_watched(jobs: Sequence[Callable[[], T]], workers: int, watch: Callable[[], None], every: float) -> list[T]:
    """Run `jobs` and return their results as `run_all` does; call `watch` every `every` seconds until all have ended.

    Raises what `watch` raises; the jobs that have not ended go on in their threads.
    """
    done = _start(jobs, workers)
    results: dict[int, T] = {}
    due = time.monotonic() + every
    while len(results) < len(jobs):
        with contextlib.suppress(queue.Empty):
            _keep(results, done.get(timeout=max(0.0, due - time.monotonic())))
        if time.monotonic() >= due:
            watch()
            due = time.monotonic() + every
    return [results[number] for number in range(len(jobs))]


class BackgroundJob(Generic[T]):
    """A job that runs in a thread of its own as soon as it is created."""

    def __init__(self, job: Callable[[], T]) -> None:
        self._done = _start([job], workers=1)

    def result(self, seconds: float) -> T:
        """Return its result. Raises its error, and TimeoutError where it has not ended after `seconds`."""
        results: dict[int, T] = {}
        try:
            ended = self._done.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"not done after {seconds} s") from None
        self._done.put(ended)
        _keep(results, ended)
        return results[0]


def _start(jobs: Sequence[Callable[[], T]], workers: int) -> queue.SimpleQueue[Ended[T]]:
    """Start the threads, and return the queue in which each job appears when it has ended."""
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[Ended[T]] = queue.SimpleQueue()
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
    return done


def _keep(results: dict[int, T], ended: Ended[T]) -> None:
    number, result, error = ended
    if error is not None:
        raise error
    results[number] = result  # type: ignore[assignment]
