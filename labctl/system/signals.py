"""Ctrl-C, SIGTERM, and SIGHUP of a terminal that was closed, end labctl through its own clean-up."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

from labctl.errors import Interrupted

AGAIN_SECONDS = 0.05


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end labctl. A SIGHUP that was ignored at the start, as nohup(1) does, stays so."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM) if ignored else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def install_handlers() -> None:
    """Make the next signal raise Interrupted; while that is handled, further signals change nothing.

    Code that handles it and goes on calls this again. Python drops what a signal handler raises inside a destructor or
    a weak reference's callback (sys.unraisablehook): it is raised again, AGAIN_SECONDS later.
    """

    def interrupt(number: int, _frame: object) -> None:
        ignore_signals()
        raise Interrupted(number)

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, Interrupted):
            number = dropped.exc_value.signal_number
            signal.signal(signal.SIGALRM, lambda _alarm, frame: interrupt(number, frame))
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(dropped)

    for number in ending_signals():
        signal.signal(number, interrupt)
    sys.unraisablehook = raise_again


def ignore_signals() -> None:
    """Make further signals change nothing. Programs that labctl starts have the default handlers, unlike by SIG_IGN."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in ending_signals():
        signal.signal(number, lambda *_: None)


@contextlib.contextmanager
def held_signals() -> Iterator[list[int]]:
    """Yield a list that receives the numbers of signals, which raise nothing in the block.

    For a step that must not end halfway, such as starting a program: nobody would know the process. Outside the main
    thread, where Python runs no handlers, it changes nothing.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held
        return
    before = {number: signal.signal(number, lambda number, _frame: held.append(number)) for number in ending_signals()}
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_held(held: list[int]) -> None:
    """Raise Interrupted for the first signal that `held_signals` received, and take it from the list."""
    if held:
        raise Interrupted(held.pop(0))
