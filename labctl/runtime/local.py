"""The local runtime: every node a JVM of this machine, in a session of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from labctl import processes
from labctl.errors import LabError, SpecError, unwritable
from labctl.foreground import run_in_front
from labctl.kafkadist import node as jvm_node
from labctl.kafkadist.jvm import LocalKafka
from labctl.kafkadist.prepared import prepare, sweep
from labctl.plan import LabPlan, NodePlan
from labctl.processes import ProcessId
from labctl.runtime.base import Completed, NodeState, Progress
from labctl.runtime.bounded import run_bounded
from labctl.security import CONTAINER_SECRETS, node_secrets

SCRIPTS_FOLDER = "/opt/kafka/bin/"  # where the image has them: what is typed for docker works here too
STOP_SECONDS = 15  # a cluster that stops at once loses its quorum and waits for it; then SIGKILL is no loss
FOLLOW_PAUSE = 0.2
# what a JVM ends with that found itself broken; nobody sends these
CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}


class LocalRuntime:
    """Nodes as processes. `files` is the folder of the plan's rendered files."""

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._files = files
        self._progress = progress
        self._kafka: LocalKafka | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        """Bring Kafka and its caches here."""
        self._kafka = prepare(self._plan.kafka_version, self._progress)

    def up(self) -> None:
        """Start the nodes that don't run."""
        if self._kafka is None:
            self.prepare()
        kafka = self._kafka
        if kafka is None:
            raise LabError("Kafka was not prepared")
        asleep = [node for node in self._plan.nodes if self._process(node) is None]
        try:
            for node in asleep:
                jvm_node.set_up(kafka, self._plan, node, self._files / node.name)
                jvm_node.make_storage(kafka, self._plan, node, self._files / node.name)
            for node in asleep:
                self._children[node.name] = jvm_node.start(kafka, self._plan, node, self._files / node.name)
            for node in asleep:
                jvm_node.write_scripts(kafka, self._plan, node)
        except OSError as error:
            hint = "free some space or mend the folder, or name another state folder in XDG_STATE_HOME"
            raise unwritable(error.filename or self._plan.state, error, hint) from None

    def revive(self, node: str) -> bool:
        """Start a node again whose JVM broke, without its AOT cache: that is to make it fast, not to keep it away."""
        child = self._children.get(node)
        if child is None or self._kafka is None or not self._broke(node, child.poll()):
            return False
        if not jvm_node.give_up_caches(self._plan, self._node(node), anew=child.returncode in CRASHES):
            return False
        self._progress.note(f"the JVM of {node} broke ({_how_it_ended(child.returncode)}): once more without its cache")
        self._children[node] = jvm_node.start(self._kafka, self._plan, self._node(node), self._files / node)
        return True

    def stop(self, names: Sequence[str] = ()) -> None:
        """SIGTERM to the nodes at once, SIGKILL to those that don't end."""
        processes.kill(processes.terminate(self._running(names), STOP_SECONDS))
        if not names:
            processes.kill(processes.with_argument(jvm_node.lab_mark(self._plan.state)))

    def down(self) -> list[str]:
        """Kill every process of the lab: its data goes away, so nothing is gained by asking first."""
        nodes = {node.name: process for node in self._plan.nodes if (process := self._process(node))}
        strays = processes.with_argument(jvm_node.lab_mark(self._plan.state))
        known = {process.pid for process in nodes.values()}
        processes.kill([*nodes.values(), *(one for one in strays if one.pid not in known)])
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1)
        sweep()
        removed = [f"node {name} (pid {process.pid})" for name, process in nodes.items()]
        return removed + [f"process {one.pid}" for one in strays if one.pid not in known]

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """What each node's process does; its memory is told in any case."""
        return [self._state(node) for node in self._plan.nodes]

    def ui(self) -> NodeState | None:
        """Kafbat is a container."""
        return None

    def versions(self) -> dict[str, str]:
        """The Java that the nodes run on, once it is prepared or a node runs."""
        kafka = self._kafka
        return {"Java": f"{kafka.java.version} ({kafka.java.origin})", "Kafka from": kafka.origin} if kafka else {}

    def inspect(self, node: str) -> str:
        """The process of the node as the system knows it."""
        process = self._process(self._node(node))
        state = self._state(self._node(node))
        told = {"name": state.name, "state": state.state, "reason": state.reason, "exit_code": state.exit_code}
        if process:
            with contextlib.suppress(psutil.Error):
                told |= process.as_dict(
                    ["pid", "cmdline", "cwd", "create_time", "memory_info", "num_fds", "num_threads"]
                )
        return json.dumps(told, indent=2)

    def logs(self, node: str, *, tail: int | None) -> str:
        """The node's log, and behind it what its JVM said outside the log."""
        lines: list[str] = []
        for path in [*self._log_files(node), self._folder(node) / "logs" / "stdout.log"]:
            with contextlib.suppress(OSError):
                lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = lines if tail is None else lines[-tail:] if tail else []
        return "".join(f"{line}\n" for line in kept)

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """The node's newest log file, and the next one when Kafka turns to it."""
        yield from self.logs(node, tail=tail).splitlines(keepends=True)
        path = self._log_files(node)[-1] if self._log_files(node) else self._folder(node) / "logs" / "server.log.0"
        at = path.stat().st_size if path.exists() else 0
        while True:
            size = path.stat().st_size if path.exists() else 0
            if size < at:
                at = 0
            if size > at:
                with path.open("rb") as file:
                    file.seek(at)
                    fresh = file.read(size - at)
                whole = fresh.rfind(b"\n") + 1
                at += whole
                yield from fresh[:whole].decode(errors="replace").splitlines(keepends=True)
            time.sleep(FOLLOW_PAUSE)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program with the node's names and tools; ended after `seconds`."""
        command, environment = self._inside(node, argv)
        try:
            done = run_bounded(command, argv, stdin, seconds, environment=environment)
        except OSError as error:
            return Completed(tuple(argv), 127, b"", f"{argv[0]}: {error.strerror}\n".encode())
        if done.exit_code not in CRASHES or not command[0].startswith(f"{self._folder(node)}/"):
            return done
        if jvm_node.give_up_caches(self._plan, self._node(node), anew=True):  # else another one did, beside this one
            self._progress.note(f"the JVM of {Path(command[0]).name} crashed: once more without its cache")
        return run_bounded(command, argv, stdin, seconds, environment=environment)

    def attach(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program on this terminal. Ctrl-C reaches it as it does in a shell; it decides what to do."""
        command, environment = self._inside(node, argv)
        return run_in_front(command, environment, where=f"in {node}")

    # -- what is where -----------------------------------------------------

    def _node(self, name: str) -> NodePlan:
        for node in self._plan.nodes:
            if node.name == name:
                return node
        raise SpecError([f"there is no node {name}; there are {', '.join(node.name for node in self._plan.nodes)}"])

    def _folder(self, node: str) -> Path:
        return jvm_node.node_folder(self._plan, self._node(node))

    def _log_files(self, node: str) -> list[Path]:
        """Oldest first, without the lock that the JDK's logging keeps beside them."""
        found = (path for path in (self._folder(node) / "logs").glob("server.log*") if path.suffix != ".lck")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def _inside(self, node: str, argv: list[str]) -> tuple[list[str], dict[str, str]]:
        inside = f"{node_secrets(self._plan, self._node(node))}/"
        argv = [argv[0], *(one.replace(f"{CONTAINER_SECRETS}/", inside) for one in argv[1:])]
        scripts = self._folder(node) / "bin"
        program = argv[0].removeprefix(SCRIPTS_FOLDER)
        if (scripts / program).is_file():
            program = str(scripts / program)
        elif argv[0].startswith(SCRIPTS_FOLDER):
            raise SpecError([f"Kafka {self._plan.kafka_version} has no {program}"])
        return [program, *argv[1:]], dict(jvm_node.script_environment(self._plan, self._node(node)))

    def _process(self, node: NodePlan) -> psutil.Process | None:
        known = ProcessId.load(jvm_node.node_folder(self._plan, node) / "pid.json")
        return known.process() if known else None

    def _running(self, names: Sequence[str]) -> list[psutil.Process]:
        nodes = [self._node(name) for name in names] or self._plan.nodes
        return [process for node in nodes if (process := self._process(node))]

    def _broke(self, node: str, code: int | None) -> bool:
        """Whether its JVM crashed, or ended with an error before Kafka logged a line."""
        if code is None or code in CRASHES or code <= 0:
            return code in CRASHES
        began = self._folder(node) / "pid.json"
        if not began.exists():  # it had ended before it could be told from others
            return True
        logged = [path.stat() for path in self._log_files(node)]
        return not any(one.st_size and one.st_mtime > began.stat().st_mtime for one in logged)

    def _state(self, node: NodePlan) -> NodeState:
        child = self._children.get(node.name)
        if child is not None and child.poll() is not None:
            how = _how_it_ended(child.returncode)
            return NodeState(node.name, "exited", child.returncode, how, ended=self._last_word(node))
        process = self._process(node)
        if process is None:
            made = (jvm_node.node_folder(self._plan, node) / "pid.json").exists()
            return NodeState(node.name, "exited" if made else "missing", ended=self._last_word(node))
        memory, reason = None, ""
        with contextlib.suppress(psutil.Error):
            memory = process.memory_info().rss
            reason = "frozen: stopped by a signal (SIGSTOP)" if process.status() == psutil.STATUS_STOPPED else ""
        return NodeState(node.name, "running", reason=reason, memory=memory)

    def _last_word(self, node: NodePlan) -> float | None:
        """When its log was last written: no one keeps when a process ended."""
        return max((path.stat().st_mtime for path in self._log_files(node.name)), default=None)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, sent from outside or by the system when memory ran out" if -code == signal.SIGKILL else name
