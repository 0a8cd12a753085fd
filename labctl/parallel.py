"""Jobs side by side in daemon threads: those of concurrent.futures are joined at exit, and a Ctrl-C must not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


def in_time(job: Callable[[], T], seconds: float) -> T:
    """The answer of `job` from a thread of its own, which is left behind after `seconds`. Raises TimeoutError then.

    The one who waits can be interrupted; a library that swallows interrupts can't swallow this one.
    """
    (answer,) = run_all([job], workers=1, seconds=seconds)
    return answer


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """The answers of two jobs, side by side. Raises what the first to fail raised."""
    jobs: list[Callable[[], Any]] = [one, other]
    first, second = run_all(jobs, workers=2)
    return first, second


def run_all(jobs: Sequence[Callable[[], T]], workers: int, seconds: float | None = None) -> list[T]:
    """The answers of `jobs`, in their order, from `workers` threads at most. Raises what the first to fail raised.

    Raises TimeoutError where one of them is not done `seconds` after the one before.
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
    answers: dict[int, T] = {}
    while len(answers) < len(jobs):
        try:
            number, answer, error = done.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"not done after {seconds} s") from None
        if error is not None:
            raise error
        answers[number] = answer  # type: ignore[assignment]
    return [answers[number] for number in range(len(jobs))]
