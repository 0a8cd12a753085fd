"""Inside one container: run a program there, for the checks or on a person's terminal."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import uuid
from typing import Any

from labctl.constants import TOOLS_FOLDER
from labctl.errors import HostError, Interrupted, LabStopped
from labctl.runtime.base import Completed
from labctl.runtime.docker.engine import Engine
from labctl.runtime.subprocess_timeout import run_with_deadline
from labctl.system.foreground import as_shell
from labctl.system.signals import held_signals, install_handlers, raise_held

LIBRARIES_FOLDER = "/opt/kafka/libs"
SIGNAL_SECONDS = 10
LIST_SECONDS = 20
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# apache/kafka's image has a CDS archive of its server. It halves the start time of the tools too: they have the same
# classpath. A JVM uses an archive as far as it fits and reports where it does not, by default on stdout, among the
# records. So the JVM's log goes to stderr, without that report. KAFKA_OPTS comes last on the command line: it wins.
WRAPPER = """\
archive=/opt/kafka/kafka.jsa
[ ! -f "$archive" ] || export KAFKA_JVM_PERFORMANCE_OPTS="$KAFKA_JVM_PERFORMANCE_OPTS -XX:SharedArchiveFile=$archive"
export KAFKA_OPTS="$KAFKA_OPTS -Xlog:disable -Xlog:all=warning,cds*=off:stderr"
exec "$@"
"""
RUN_VARIABLE = "LABCTL_RUN"  # in the environment of a program inside, so that it can be ended from outside
SIGNAL = """\
for process in /proc/[0-9]*; do
  if grep -q "$1" "$process/environ" 2>/dev/null; then kill -"$0" "${process#/proc/}"; fi
done
"""


class Container:
    """A running container of the engine. Each method raises what Engine raises: HostError, RuntimeFailed."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def exec(self, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program for `seconds` at most, and return its outcome. Raises HostError where there is no docker."""
        run = _new_run()
        options = ["-i", "-e", run] if stdin is not None else ["-e", run]
        command = self._command(options, argv)
        return run_with_deadline(command, argv, stdin, seconds, end=lambda: self._signal(run, "KILL"))

    def exec_interactive(self, argv: list[str], *, tty: bool) -> int:
        """Run a program on this terminal, and return its exit code. Raises HostError.

        Without a terminal docker passes no signals on: labctl does.
        """
        run = _new_run()
        path = f"PATH={TOOLS_FOLDER}:{self._variables().get('PATH', DEFAULT_PATH)}"
        options = ["-it" if tty else "-i", "-e", run, "-e", path]
        with held_signals() as held:
            process = subprocess.Popen(self._command(options, argv), start_new_session=not tty)
        while True:
            try:
                raise_held(held)
                return as_shell(process.wait())
            except Interrupted as interrupted:
                self._signal(run, signal.Signals(interrupted.signal_number).name.removeprefix("SIG"))
                install_handlers()

    # -- what is inside ----------------------------------------------------

    def require_running(self) -> None:
        """Raise HostError where there is no such container, LabStopped where it does not run."""
        inspected = self._inspected()
        if not inspected:
            raise HostError(f"there is no container {self._name}", "docker ps --all lists the containers")
        status = inspected["State"]["Status"]
        if status != "running":
            raise LabStopped(f"the container {self._name} is {status}", f"docker start {self._name}")

    def kafka_version(self) -> str | None:
        """Return the version of the Kafka in /opt/kafka, or None where there is none. Raises HostError."""
        listing = self.exec(["ls", LIBRARIES_FOLDER], None, LIST_SECONDS).stdout.decode(errors="replace")
        found = re.search(r"^kafka_2\.1[23]-([0-9.]+)\.jar$", listing, re.MULTILINE)
        return found[1] if found else None

    def _command(self, options: list[str], argv: list[str]) -> list[str]:
        return self._engine.command("exec", *options, self._name, "sh", "-c", WRAPPER, "sh", *_program(argv))

    def _inspected(self) -> dict[str, Any]:
        # by name or by id
        return next(iter(self._engine.containers([self._name]).values()), {})

    def _variables(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self._inspected().get("Config", {}).get("Env") or [])

    def _signal(self, run: str, name: str) -> None:
        """Send a signal to the program with this run variable, and to those that it started."""
        command = self._engine.command("exec", self._name, "sh", "-c", SIGNAL, name, run)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=SIGNAL_SECONDS, check=False)


def _new_run() -> str:
    return f"{RUN_VARIABLE}={uuid.uuid4().hex[:12]}"


def _program(argv: list[str]) -> list[str]:
    """Kafka's tools are found without their folder too."""
    if re.fullmatch(r"(kafka|connect)-[\w-]+\.sh", argv[0]):
        return [f"{TOOLS_FOLDER}/{argv[0]}", *argv[1:]]
    return argv
