"""Ctrl-C and SIGTERM."""

import os
import signal
import sys
import threading
import weakref

import pytest

from labctl.errors import Interrupted
from labctl.system.parallel import run_with_timeout
from labctl.system.signals import SIGNALS, ignore_signals, install_handlers


class Thing:
    """To be forgotten."""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Each test's own handlers."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    kept = {one: signal.getsignal(one) for one in (*SIGNALS, signal.SIGALRM)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


def test_the_second_signal_changes_nothing():
    """Nor is it ignored: programs that labctl starts would inherit that, and a broker ignore SIGTERM for ever."""
    install_handlers()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert all(callable(signal.getsignal(one)) for one in SIGNALS)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_that_python_drops_is_raised_again(number, capsys):
    """In a weak reference's callback, where nothing can be raised: the import system has such."""
    install_handlers()
    thing = Thing()
    weakref.finalize(thing, signal.raise_signal, number)
    del thing
    with pytest.raises(Interrupted) as interrupted:
        threading.Event().wait(5)
    assert interrupted.value.signal_number == number
    assert capsys.readouterr().err == ""


def test_one_that_python_dropped_does_not_disturb_the_clean_up():
    """Who began it wants no signal any more, this one neither."""
    install_handlers()
    thing = Thing()
    weakref.finalize(thing, signal.raise_signal, signal.SIGTERM)
    del thing
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    ignore_signals()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_anything_else_that_is_dropped_is_said(capsys):
    """As without labctl."""
    install_handlers()
    thing = Thing()
    _watched = weakref.ref(thing, lambda _gone: 1 / 0)
    del thing
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("number", SIGNALS)
def test_who_waits_for_kafka_is_interrupted(number):
    """The library would swallow what a signal raises; it works in another thread than the one that waits."""
    install_handlers()

    def swallow():
        try:
            os.kill(os.getpid(), number)
            threading.Event().wait(5)
        except BaseException:  # noqa: BLE001 - as kafka-python's loop does
            threading.Event().wait(5)

    with pytest.raises(Interrupted) as interrupted:
        run_with_timeout(swallow, 5)
    assert interrupted.value.signal_number == number
