"""Ctrl-C and SIGTERM end labctl through its own clean-up."""

from __future__ import annotations

import signal
import sys

from labctl.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 0.05


def interrupt_once() -> None:
    """The next signal raises Interrupted; while that is dealt with, further ones change nothing.

    Who deals with it by going on calls this again. Python drops what a signal raises inside a destructor or a weak
    reference's callback (sys.unraisablehook): it is raised again, AGAIN_SECONDS later.
    """

    def interrupt(number: int, _frame: object) -> None:
        heed_no_more()
        raise Interrupted(number)

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, Interrupted):
            number = dropped.exc_value.signal_number
            signal.signal(signal.SIGALRM, lambda _alarm, frame: interrupt(number, frame))
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(dropped)

    for one in SIGNALS:
        signal.signal(one, interrupt)
    sys.unraisablehook = raise_again


def heed_no_more() -> None:
    """Further signals change nothing. Programs that labctl starts have the system's own handlers, unlike by SIG_IGN."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for one in SIGNALS:
        signal.signal(one, lambda *_: None)
