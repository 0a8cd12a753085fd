"""Ctrl-C, SIGTERM and SIGHUP."""

import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest

from labctl.__main__ import main
from labctl.errors import Interrupted
from labctl.system import foreground
from labctl.system.parallel import run_with_timeout
from labctl.system.signals import ending_signals, ignore_signals, install_handlers

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Thing:
    """An object to be garbage-collected."""


@pytest.fixture(autouse=True)
def _restored_handlers(monkeypatch):
    """Restore the signal handlers after each test."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_second_signal_has_no_effect():
    """Its handler stays: a broker that labctl starts would inherit an ignored SIGTERM."""
    install_handlers()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert all(callable(signal.getsignal(number)) for number in SIGNALS)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_that_python_drops_is_raised_again(number, capsys):
    """Python drops what a weak reference's callback raises; the import system has such callbacks."""
    install_handlers()
    thing = Thing()
    weakref.finalize(thing, signal.raise_signal, number)
    del thing
    with pytest.raises(Interrupted) as interrupted:
        threading.Event().wait(5)
    assert interrupted.value.signal_number == number
    assert capsys.readouterr().err == ""


def test_a_dropped_interrupt_is_not_raised_during_clean_up():
    """ignore_signals cancels it too."""
    install_handlers()
    thing = Thing()
    weakref.finalize(thing, signal.raise_signal, signal.SIGTERM)
    del thing
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    ignore_signals()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_another_dropped_exception_is_reported(capsys):
    """Python prints it, as it does without labctl."""
    install_handlers()
    thing = Thing()
    _watched = weakref.ref(thing, lambda _gone: 1 / 0)
    del thing
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("number", SIGNALS)
def test_a_wait_for_kafka_is_interrupted(number):
    """The library works in a thread of its own, so that it can't swallow what the signal handler raises."""
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


def test_a_sighup_that_nohup_ignores_stays_ignored():
    """`nohup labctl up` goes on when the terminal is closed, and so do the programs that it starts."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    install_handlers()
    signal.raise_signal(signal.SIGHUP)
    ignore_signals()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.SIGHUP not in ending_signals()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_program_starts_reaches_it(monkeypatch, number):
    """Between the start of a program and its process being known nothing is raised: the program would be left."""
    signals = []

    class Program:
        def __init__(self, *_args, **_options):
            signal.raise_signal(number)

        def send_signal(self, number):
            signals.append(number)

        def wait(self, _seconds):
            return -signals[0]

    install_handlers()
    monkeypatch.setattr(subprocess, "Popen", Program)
    assert foreground.run_in_foreground(["program"], {}) == 128 + number
    assert signals == [number]


@pytest.mark.parametrize(
    ("at_the_start", "meanwhile"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
    ids=["at a terminal", "ignored"],
)
def test_an_interrupt_while_labctl_is_imported_is_no_traceback(monkeypatch, at_the_start, meanwhile):
    """Its own handlers are not there yet, and Python's would print one."""
    found = []
    monkeypatch.setattr("labctl.cli.main.main", lambda: found.append(signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, at_the_start)
    main()
    assert found == [meanwhile]
