"""`labctl exec` for people: terminal, pipes, signals and exit codes as if the program had been started here."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

pytestmark = pytest.mark.local

SECONDS = 60


@pytest.fixture
def in_a_terminal(shared):
    """Run a script inside the node in a terminal of 33 lines; how to see it, to type, to wait for its end."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    started = []

    def lead():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def start(script):
        command = [sys.executable, "-m", "labctl", "exec", "broker", "--", "bash", "-c", script]
        process = subprocess.Popen(
            command,
            cwd=shared.folder,
            env=shared.env,
            preexec_fn=lead,  # noqa: PLW1509 - no threads here
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        started.append(process)

        def shown(until):
            text, give_up = "", time.monotonic() + SECONDS
            while until not in text:
                assert time.monotonic() < give_up, text
                if select.select([screen], [], [], 1)[0]:
                    text += os.read(screen, 4096).decode()
            return text

        return shown, lambda keys: os.write(screen, keys), lambda: started[-1].wait(SECONDS)

    yield start
    for process in started:
        process.kill()
        process.wait()
    os.close(screen)
    os.close(terminal)


def test_a_terminal_is_a_terminal_inside_too(in_a_terminal):
    """The program sees it and its size, what is typed arrives, and its exit code comes back."""
    shown, typed, ended = in_a_terminal("tty; stty size; read line; echo got $line; exit 7")
    assert "33 99" in shown("33 99")
    typed(b"orders\r")
    assert "got orders" in shown("got orders")
    assert ended() == 7


def test_ctrl_c_is_the_program_s(in_a_terminal):
    """It decides what to do; labctl waits for it."""
    shown, typed, ended = in_a_terminal("trap 'echo minded; exit 9' INT; echo ready; while true; do sleep 0.1; done")
    shown("ready")
    typed(b"\x03")
    shown("minded")
    assert ended() == 9


def test_a_consumer_that_is_interrupted_ends_as_kafka_s_own(in_a_terminal):
    """Ctrl-C of a console consumer: its closing words, exit code 130."""
    command = "kafka-console-consumer.sh --bootstrap-server broker:9092 --topic orders --from-beginning"
    shown, typed, ended = in_a_terminal(f"exec {command}")
    shown("hello, kafka")
    typed(b"\x03")
    shown("Processed a total of 3 messages")
    assert ended() == 130


def test_a_sigterm_is_passed_on(shared):
    """The program inside has it, and its exit code comes back."""
    inside = shared.start(
        "exec", "broker", "--", "bash", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    )
    assert inside.stdout.readline() == "ready\n"
    inside.terminate()
    inside.communicate(timeout=SECONDS)
    assert inside.returncode == 5
