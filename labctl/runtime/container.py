"""Inside one container: run a program there, for the checks or on a person's terminal."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import uuid
from typing import Any

from labctl.errors import HostError, Interrupted, LabStopped
from labctl.interrupts import interrupt_once
from labctl.runtime.base import Completed
from labctl.runtime.bounded import run_bounded
from labctl.runtime.engine import Engine

SCRIPTS_FOLDER = "/opt/kafka/bin"
LIBRARIES_FOLDER = "/opt/kafka/libs"
SIGNAL_SECONDS = 10
LOOK_SECONDS = 20
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# apache/kafka's image has a CDS archive of its server. It halves the start time of the tools too: they have the same
# classpath. A JVM uses an archive as far as it fits and reports where it does not, by default on stdout, among the
# records. So the JVM's log goes to stderr, without that report. KAFKA_OPTS comes last on the command line: it wins.
INSIDE = """\
archive=/opt/kafka/kafka.jsa
[ ! -f "$archive" ] || export KAFKA_JVM_PERFORMANCE_OPTS="$KAFKA_JVM_PERFORMANCE_OPTS -XX:SharedArchiveFile=$archive"
export KAFKA_OPTS="$KAFKA_OPTS -Xlog:disable -Xlog:all=warning,cds*=off:stderr"
exec "$@"
"""
RUN = "LABCTL_RUN"  # in the environment of a program inside, so that it can be ended from outside
SIGNAL = """\
for one in /proc/[0-9]*; do
  if grep -q "$1" "$one/environ" 2>/dev/null; then kill -"$0" "${one#/proc/}"; fi
done
"""


class Container:
    """A running container of the engine."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def exec(self, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program; ended there after `seconds`."""
        run = _run()
        options = ["-i", "-e", run] if stdin is not None else ["-e", run]
        command = self._engine.command("exec", *options, self._name, "sh", "-c", INSIDE, "sh", *_program(argv))
        return run_bounded(command, argv, stdin, seconds, end=lambda: self._signal(run, "KILL"))

    def attach(self, argv: list[str], *, tty: bool) -> int:
        """Run a program on this terminal; its exit code. Without one docker passes no signals on: labctl does."""
        run = _run()
        path = f"PATH={SCRIPTS_FOLDER}:{self._variables().get('PATH', DEFAULT_PATH)}"
        options = ["-it" if tty else "-i", "-e", run, "-e", path]
        command = self._engine.command("exec", *options, self._name, "sh", "-c", INSIDE, "sh", *_program(argv))
        process = subprocess.Popen(command, start_new_session=not tty)
        while True:
            try:
                return process.wait()
            except Interrupted as interrupted:
                self._signal(run, signal.Signals(interrupted.signal_number).name.removeprefix("SIG"))
                interrupt_once()

    # -- what is inside ----------------------------------------------------

    def require_running(self) -> None:
        """Raise HostError where there is no such container, LabStopped where it does not run."""
        seen = self._seen()
        if not seen:
            raise HostError(f"there is no container {self._name}", "docker ps --all lists those there are")
        if seen["State"]["Status"] != "running":
            raise LabStopped(f"the container {self._name} is {seen['State']['Status']}", f"docker start {self._name}")

    def inside_door(self, outside: str) -> tuple[str, str]:
        """Where its Kafka is found from inside, and that listener's protocol.

        Of the advertised addresses that are not the one `outside` the first, a plaintext one before others.
        """
        variables = self._variables()
        protocols = dict(re.findall(r"(\w+):(\w+)", variables.get("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "")))
        advertised = re.findall(r"(\w+)://([^,\s]+)", variables.get("KAFKA_ADVERTISED_LISTENERS", ""))
        doors = [
            (address, protocols.get(name, name)) for name, address in advertised if address not in outside.split(",")
        ]
        return min(doors, key=lambda door: door[1] != "PLAINTEXT", default=("localhost:9092", "PLAINTEXT"))

    def kafka_version(self) -> str | None:
        """The version of the Kafka in /opt/kafka, or None where there is none."""
        listed = self.exec(["ls", LIBRARIES_FOLDER], None, LOOK_SECONDS).stdout.decode(errors="replace")
        found = re.search(r"^kafka_2\.1[23]-([0-9.]+)\.jar$", listed, re.MULTILINE)
        return found[1] if found else None

    def _seen(self) -> dict[str, Any]:
        # by name or by id
        return next(iter(self._engine.containers([self._name]).values()), {})

    def _variables(self) -> dict[str, str]:
        return dict(one.split("=", 1) for one in self._seen().get("Config", {}).get("Env") or [])

    def _signal(self, run: str, name: str) -> None:
        """Send a signal to the program that was started as `run`, and to those that it started."""
        command = self._engine.command("exec", self._name, "sh", "-c", SIGNAL, name, run)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=SIGNAL_SECONDS, check=False)


def _run() -> str:
    return f"{RUN}={uuid.uuid4().hex[:12]}"


def _program(argv: list[str]) -> list[str]:
    """Kafka's tools are found without their folder too."""
    if re.fullmatch(r"(kafka|connect)-[\w-]+\.sh", argv[0]):
        return [f"{SCRIPTS_FOLDER}/{argv[0]}", *argv[1:]]
    return argv
