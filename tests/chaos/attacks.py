"""What happens to the lab: a kill, two commands at once, the death of a node, a lost record, bad surroundings.

After each of them one `labctl up` must work.
"""

import contextlib
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.commands import QUIET, Line, lines
from tests.chaos.lab import Lab
from tests.integration.surroundings import EXIT_CODES, SURROUNDINGS, fault_of

SECONDS = 150  # for one command
CLEANUP_SECONDS = 20  # after SIGTERM, SIGINT and SIGHUP
SIGNALS = {signal.SIGKILL: 16, signal.SIGTERM: 2, signal.SIGINT: 1, signal.SIGHUP: 1}
OF_SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
WAYS = {"local": ("kill", "kill", "term"), "compose": ("kill", "kill", "stop", "term", "restart")}
ENDED_WITH_ITS_NODE = {"exec": {137, 143}}  # the program's own exit code, where the other command stops the node
CAN_FAIL = {"check", "up", "run", "lint", "exec", "notebook"}  # 1: a check, a finding, a program, a cell
FIRST_GUESS = 0.5  # seconds that a command takes
LATEST_KILL = 0.9  # of the time that it takes, so that it still runs
LATEST_START = 1.0  # of the second of two commands
LATEST_REPAIR = 1.5  # seconds after the death of a node


@dataclass
class Outcome:
    """One attack: what it was, how long the `up` after it took, and what was wrong, "" for nothing."""

    kind: str  # kill, pair, node, record, surroundings
    what: str
    fault: str = ""
    repair: float | None = None
    ended: float | None = None  # seconds from a signal to the end of the command
    codes: list[tuple[str, int]] = field(default_factory=list)


class Attacks:
    """Attacks on one lab, chosen by a seeded generator."""

    def __init__(self, lab: Lab, chance: random.Random) -> None:
        self._lab = lab
        self._chance = chance
        self._lasts: dict[tuple[str, str, str], float] = {}  # seconds of a command, where it was not killed

    def one(self, *, emptying: bool) -> Outcome:
        """Make one attack. With `emptying` the lab's records may go."""
        kinds: dict[Callable[[bool], Outcome], int] = {
            self._kill: 54,
            self._pair: 30,
            self._end_node: 10,
            self._lose_record: 2,
            self._surround: 4,
        }
        return self._chance.choices(list(kinds), list(kinds.values()))[0](emptying)

    def repair(self, outcome: Outcome) -> None:
        """Bring the lab up once."""
        arguments = ["up", *(["--checks", "none"] if self._chance.random() < 0.9 else [])]
        started = time.monotonic()
        code, output = self._end(self._start(arguments))
        outcome.repair = time.monotonic() - started
        outcome.codes.append(("up", code))
        if code or "Traceback" in output:
            outcome.fault = f"{outcome.fault}; `up` after it: exit code {code}: {output}".removeprefix("; ")

    # -- the kinds ---------------------------------------------------------

    def _kill(self, emptying: bool) -> Outcome:
        line = self._line(emptying)
        if line.restarts and self._chance.random() < 0.5:
            self._lab.labctl.run("stop", timeout=SECONDS)
        number = self._chance.choices(list(SIGNALS), list(SIGNALS.values()))[0]
        process = self._start(self._arguments(line))
        moment = self._chance.random() * LATEST_KILL * self._lasts.get(self._key(line), FIRST_GUESS)
        time.sleep(moment)
        outcome = Outcome("kill", f"{line.command}: {number.name} after {moment:.2f} s")
        sent = time.monotonic()
        if process.poll() is not None:
            outcome.kind = "ended before"  # not counted
        process.send_signal(number)
        code, output = self._end(process, CLEANUP_SECONDS)
        outcome.codes.append((line.command, code))
        outcome.ended = time.monotonic() - sent if number != signal.SIGKILL else None
        allowed = EXIT_CODES | {OF_SIGNALS.get(number, -number), -number}  # the second: before Python was there
        faulty = "Traceback" in output or _is_no_result(line.command, code)
        if code not in allowed or (faulty and not (number == signal.SIGINT and _of_python_alone(output))):
            outcome.fault = f"exit code {code}: {output}"
        self.repair(outcome)
        return outcome

    def _pair(self, emptying: bool) -> Outcome:
        first, second = self._line(emptying), self._line(emptying)
        outcome = Outcome("pair", f"{first.command} and {second.command}")
        started = time.monotonic()
        processes = [self._start(self._arguments(first))]
        time.sleep(self._chance.random() * LATEST_START)
        processes.append(self._start(self._arguments(second)))
        for line, process in zip((first, second), processes, strict=True):
            code, output = self._end(process)
            outcome.codes.append((line.command, code))
            fault = fault_of(code, output) or ("exit code 1" if _is_no_result(line.command, code) else "")
            if fault and code not in ENDED_WITH_ITS_NODE.get(line.command, ()):
                outcome.fault = f"{outcome.fault}; {line.text}: {fault}: {output}".removeprefix("; ")
        seconds = time.monotonic() - started
        for line in (first, second):
            self._lasts[self._key(line)] = (
                seconds if first == second else min(self._lasts.get(self._key(line), 9), seconds)
            )
        if first.changes or second.changes:
            self.repair(outcome)
        return outcome

    def _end_node(self, _emptying: bool) -> Outcome:
        node, how = self._chance.choice(self._lab.nodes), self._chance.choice(WAYS[self._lab.runtime])
        outcome = Outcome("node", f"{how} {node}")
        if not self._lab.end_node(node, how):
            outcome.fault = "the node did not run"
        time.sleep(self._chance.random() * LATEST_REPAIR)
        self.repair(outcome)
        return outcome

    def _lose_record(self, _emptying: bool) -> Outcome:
        how = self._chance.choice(("removed", "cut off"))
        self._lab.lose_record(how)
        outcome = Outcome("record", how)
        code, output = self._end(self._start(["status"]))
        outcome.codes.append(("status", code))
        outcome.fault = fault_of(code, output)
        self.repair(outcome)
        return outcome

    def _surround(self, _emptying: bool) -> Outcome:
        name, script = self._chance.choice(list(SURROUNDINGS.items()))
        line = self._chance.choice(QUIET)
        outcome = Outcome("surroundings", f"{line.command}: {name}")
        command = shlex.join([sys.executable, "-m", "labctl", *self._arguments(line)])
        done = subprocess.run(
            ["bash", "-c", script.replace("LABCTL", command)],
            cwd=self._lab.labctl.folder,
            env=self._lab.labctl.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        outcome.codes.append((line.command, done.returncode))
        if fault := fault_of(done.returncode, output):
            outcome.fault = f"{fault}: {output}"
        self.repair(outcome)
        return outcome

    # -- parts -------------------------------------------------------------

    def _line(self, emptying: bool) -> Line:
        choice = lines(self._lab.preset, self._lab.runtime, emptying=emptying)
        return self._chance.choices(choice, [line.weight for line in choice])[0]

    def _key(self, line: Line) -> tuple[str, str, str]:
        return self._lab.preset, self._lab.runtime, line.text

    def _arguments(self, line: Line) -> list[str]:
        nodes = self._lab.nodes
        return line.text.format(node=self._chance.choice(nodes), broker=nodes[-1]).split()

    def _start(self, arguments: list[str]) -> "subprocess.Popen[str]":
        process: subprocess.Popen[str] = self._lab.labctl.start(*arguments)
        return process

    def _end(self, process: "subprocess.Popen[str]", seconds: float = SECONDS) -> tuple[int, str]:
        """Return the exit code of a command, and what it printed. One that does not end has a code of its own."""
        try:
            output = "".join(process.communicate(timeout=seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            output = "".join(process.communicate())
            return 999, f"did not end within {seconds} s: {output}"
        finally:
            with contextlib.suppress(ValueError):
                self._lab.labctl.started.remove(process)
        return process.returncode, output[-3000:]


def _is_no_result(command: str, code: int) -> bool:
    """Whether a command ended with 1, which is no result of it."""
    return code == 1 and command not in CAN_FAIL


def _of_python_alone(output: str) -> bool:
    """Whether a traceback is of a Ctrl-C that came while Python started, before labctl could change what it does."""
    return "KeyboardInterrupt" in output and "/labctl/" not in output.replace("/labctl/__main__.py", "")
