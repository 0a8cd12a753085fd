"""`labctl exec` in a terminal: input, signals and exit codes work as if the program ran on the host."""

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
    """Run a script inside the node in a terminal of 33 lines: functions to read it, to type and to wait for its end."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    started = []

    def open_session():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def start(script):
        command = [sys.executable, "-m", "labctl", "exec", "broker", "--", "bash", "-c", script]
        process = subprocess.Popen(
            command,
            cwd=shared.folder,
            env=shared.env,
            preexec_fn=open_session,  # noqa: PLW1509 - no threads here
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        started.append(process)

        def wait_for_text(until):
            text, deadline = "", time.monotonic() + SECONDS
            while until not in text:
                assert time.monotonic() < deadline, text
                if select.select([screen], [], [], 1)[0]:
                    text += os.read(screen, 4096).decode()
            return text

        return wait_for_text, lambda keys: os.write(screen, keys), lambda: started[-1].wait(SECONDS)

    yield start
    for process in started:
        process.kill()
        process.wait()
    os.close(screen)
    os.close(terminal)


def test_a_program_in_the_node_gets_the_terminal(in_a_terminal):
    """The program has a terminal of the same size, gets what is typed, and its exit code is returned."""
    wait_for_text, type_keys, wait_for_exit = in_a_terminal("tty; stty size; read line; echo got $line; exit 7")
    assert "33 99" in wait_for_text("33 99")
    type_keys(b"orders\r")
    assert "got orders" in wait_for_text("got orders")
    assert wait_for_exit() == 7


def test_ctrl_c_is_passed_on_to_the_program(in_a_terminal):
    """The program handles Ctrl-C itself, and labctl waits until it ends."""
    wait_for_text, type_keys, wait_for_exit = in_a_terminal(
        "trap 'echo trapped; exit 9' INT; echo ready; while true; do sleep 0.1; done"
    )
    wait_for_text("ready")
    type_keys(b"\x03")
    wait_for_text("trapped")
    assert wait_for_exit() == 9


def test_an_interrupted_consumer_ends_like_kafka_s_own(in_a_terminal):
    """After Ctrl-C a console consumer prints its summary, and the exit code is 130."""
    command = "kafka-console-consumer.sh --bootstrap-server broker:9092 --topic orders --from-beginning"
    wait_for_text, type_keys, wait_for_exit = in_a_terminal(f"exec {command}")
    wait_for_text("hello, kafka")
    type_keys(b"\x03")
    wait_for_text("Processed a total of 3 messages")
    assert wait_for_exit() == 130


def test_a_sigterm_is_passed_on(shared):
    """The program gets the SIGTERM, and its exit code is returned."""
    process = shared.start(
        "exec", "broker", "--", "bash", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    )
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=SECONDS)
    assert process.returncode == 5
