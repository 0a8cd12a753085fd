"""The local runtime: every node is a JVM process of this machine, in a session of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import psutil

from labctl.constants import SECRETS_FOLDER, TOOLS_FOLDER
from labctl.errors import LabError, SpecError
from labctl.kafka.security_settings import host_secrets
from labctl.kafka.server_log import TAIL, is_ending
from labctl.plan.model import LabPlan, NodePlan
from labctl.runtime.base import FROZEN, Completed, NodeState, Progress
from labctl.runtime.jvm import node as jvm_node
from labctl.runtime.jvm.cache import prepare, sweep
from labctl.runtime.jvm.folder_names import require_usable
from labctl.runtime.jvm.jvm_options import CRASHES, LocalKafka, clean_environment
from labctl.runtime.jvm.node_log import NodeLog
from labctl.runtime.jvm.service import service_log
from labctl.runtime.jvm.services import LocalServices
from labctl.runtime.jvm.storage import make_storage
from labctl.runtime.subprocess_timeout import run_with_deadline
from labctl.system import processes
from labctl.system.files import file_errors
from labctl.system.foreground import run_in_foreground
from labctl.system.processes import ProcessId

PAUSE_SECONDS = 0.1
STOP_SECONDS = 15  # a cluster that stops at once loses its quorum and waits for it; SIGKILL after that loses nothing
REMEDY = "free some space or fix the folder, or name another state folder in XDG_STATE_HOME"
FILE_LOCK = ".lock"  # of Kafka, in its data folder
CHILD_SECONDS = 1  # to read the exit code of a killed child


class LocalRuntime:
    """Nodes as processes. `files` is the folder of the plan's rendered files.

    Each method raises SpecError for a node that the plan does not have.
    """

    def __init__(self, plan: LabPlan, files: Path, progress: Progress) -> None:
        self._plan = plan
        self._files = files
        self._progress = progress
        self._services = LocalServices(plan, files, progress)
        self._kafka: LocalKafka | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._found: set[str] | None = None  # the nodes that the first `up` found running, and nobody stopped since

    def prepare(self) -> None:
        """Download Kafka, and create its caches. Raises SpecError, HostError, RuntimeFailed: see `cache.prepare`."""
        require_usable(self._plan.state, [service.kind for service in self._plan.services])
        self._kafka = prepare(self._plan.kafka_version, self._progress)
        self._services.prepare(self._kafka)

    def up(self, names: Sequence[str] = ()) -> None:
        """Start the nodes and services called `names` (all where there are none) that don't run.

        A node that is about to end is waited for. Raises LabError: HostError where a file can't be written or a program
        can't be started, RuntimeFailed where Kafka's own tool can't format the storage, and what `prepare` raises.
        """
        if self._kafka is None:
            self.prepare()
        kafka = self._kafka
        if kafka is None:
            raise LabError("Kafka was not prepared")
        if self._found is None:
            self._await_ending()
        node_names, service_names = self._parts(names)
        stopped = [node for node in map(self._plan.node, node_names) if self._process(node) is None]
        if self._found is None:
            self._found = {node.name for node in self._plan.nodes if self._process(node)}
        with file_errors(self._plan.state, REMEDY):
            for node in stopped:
                jvm_node.set_up(kafka, self._plan, node, self._files / node.name)
                make_storage(kafka, self._plan, node, self._files / node.name)
            for node in stopped:
                self._children[node.name] = jvm_node.start(kafka, self._plan, node, self._files / node.name)
            self._services.up(service_names)
            for node in stopped:
                jvm_node.write_scripts(kafka, self._plan, node)

    def start_again(self, node: str) -> bool:
        """Start a node that ended, where it may run now, and return whether it was started.

        That is once for a node that `up` found running, and once without its AOT cache for one whose JVM crashed: the
        cache only makes it faster. Raises LabError as `up`.
        """
        if node in self._services.names:
            return self._services.start_again(node)
        if self._found and node in self._found:
            self._found.discard(node)
            self._progress.note(f"node {node} ended just now: starting it again")
            self.up()
            return True
        child = self._children.get(node)
        if child is None or self._kafka is None or not self._crashed(node, child.poll()):
            return False
        with file_errors(self._plan.state, REMEDY):
            if not jvm_node.drop_caches(self._plan, self._plan.node(node), corrupt=child.returncode in CRASHES):
                return False
            reason = _end_reason(child.returncode)
            self._progress.note(f"the JVM of {node} crashed ({reason}): starting it again without its cache")
            self._children[node] = jvm_node.start(self._kafka, self._plan, self._plan.node(node), self._files / node)
        return True

    def stop(self, names: Sequence[str] = ()) -> None:
        """Send SIGTERM to the services and the nodes in parallel, SIGKILL to those that don't end."""
        self._found = (self._found or set()) - set(names) if names else set()
        node_names, service_names = self._parts(names)
        self._services.stop(service_names, STOP_SECONDS)  # they use the brokers
        running = self._running(node_names) if node_names else []  # no names mean all nodes elsewhere
        processes.resume(running)  # a frozen one would never act on SIGTERM
        processes.kill(processes.terminate(running, STOP_SECONDS))
        if not names:
            processes.kill(processes.nodes_of_lab(self._plan.state))

    def kill(self, names: Sequence[str]) -> None:
        """Send SIGKILL to the nodes."""
        self._found = (self._found or set()) - set(names)
        processes.kill(self._running(names))

    def pause(self, names: Sequence[str]) -> None:
        """Send SIGSTOP to the nodes."""
        processes.suspend(self._running(names))

    def isolate(self, names: Sequence[str]) -> None:
        """Raise SpecError: the nodes share the network of this machine."""
        nodes = ", ".join(node.name for node in self._nodes(names))
        raise SpecError(
            [f"{nodes} can't be isolated: the nodes of the local runtime share the network of this machine"],
            "labctl node pause freezes a node, or use a lab in Docker: --runtime compose",
        )

    def resume(self, names: Sequence[str]) -> None:
        """Send SIGCONT to the nodes."""
        processes.resume(self._running(names))

    def remove(self, names: Sequence[str]) -> None:
        """Kill the nodes, and delete their folders. Raises HostError where a file can't be deleted."""
        self.kill(names)
        for name in names:
            self._children.pop(name, None)
            with file_errors(self._folder(name), REMEDY), contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._folder(name))

    def save_data(self, name: str, into: Path) -> None:
        """Copy the data folder of a node or service. Raises HostError where a file can't be read or written."""
        source = self._data(name)
        with file_errors(into, REMEDY):
            if source.is_dir():
                shutil.copytree(source, into, ignore=shutil.ignore_patterns(FILE_LOCK))
            else:
                into.mkdir(parents=True)

    def load_data(self, name: str, source: Path) -> None:
        """Replace the data folder of a node or service, in one rename. Raises HostError as `save_data`."""
        target = self._data(name)
        unfinished = target.with_name("data.loading")
        with file_errors(target, REMEDY):
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(source, unfinished)
            if target.exists():
                shutil.rmtree(target)
            unfinished.replace(target)

    def down(self) -> list[str]:
        """Kill every process of the lab, and return what was killed.

        The data is removed anyway, so Kafka need not stop first.
        """
        nodes = {node.name: process for node in self._plan.nodes if (process := self._process(node))}
        known = {process.pid for process in nodes.values()}
        orphans = [process for process in processes.nodes_of_lab(self._plan.state) if process.pid not in known]
        services = self._services.down()
        processes.kill([*nodes.values(), *orphans])
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(CHILD_SECONDS)
        sweep()
        removed = [f"node {name} (pid {process.pid})" for name, process in nodes.items()]
        return removed + services + [f"process {orphan.pid}" for orphan in orphans]

    def nodes(self, *, memory: bool = False) -> list[NodeState]:
        """Return the state of each node's process, always with its memory."""
        return [self._state(node) for node in self._plan.nodes]

    def services(self) -> list[NodeState]:
        """Return the state of each service's process, with its memory."""
        return self._services.states()

    def ui(self) -> NodeState | None:
        """Return None: Kafbat is a container."""
        return None

    def versions(self) -> dict[str, str]:
        """Return the Java of the nodes and where Kafka comes from, once they are known."""
        kafka = self._kafka
        return {"Java": f"{kafka.java.version} ({kafka.java.origin})", "Kafka from": kafka.origin} if kafka else {}

    def inspect(self, node: str) -> str:
        """Return what the system knows of the node's process."""
        process = self._process(self._plan.node(node))
        state = self._state(self._plan.node(node))
        facts = {"name": state.name, "state": state.state, "reason": state.reason, "exit_code": state.exit_code}
        if process:
            with contextlib.suppress(psutil.Error):
                facts |= process.as_dict(
                    ["pid", "cmdline", "cwd", "create_time", "memory_info", "num_fds", "num_threads"]
                )
        return json.dumps(facts, indent=2)

    def logs(self, node: str, *, tail: int | None) -> str:
        """Return the node's log, followed by what its JVM printed outside the log."""
        return self._log(self._plan.require_part(node)).read(tail)

    def follow_logs(self, node: str, *, tail: int | None) -> Iterator[str]:
        """Yield the node's newest log file, and the lines that are added to it."""
        return self._log(self._plan.require_part(node)).follow(tail)

    def exec(self, node: str, argv: list[str], stdin: bytes | None, seconds: float) -> Completed:
        """Run a program with the node's names and tools, for `seconds` at most, and return its outcome.

        Raises SpecError for a tool that this Kafka does not have.
        """
        command, environment = self._inside(node, argv)
        run = partial(run_with_deadline, command, argv, stdin, seconds, environment=environment)
        try:
            done = run()
            if done.exit_code not in CRASHES or not command[0].startswith(f"{self._plan.state}/nodes/{node}/"):
                return done
            if jvm_node.drop_caches(self._plan, self._plan.node(node), corrupt=True):  # else a tool in parallel did
                self._progress.note(f"the JVM of {Path(command[0]).name} crashed: running it again without its cache")
            return run()
        except OSError as error:
            return Completed(tuple(argv), 127, b"", f"{argv[0]}: {error.strerror}\n".encode())

    def exec_interactive(self, node: str, argv: list[str], *, tty: bool) -> int:
        """Run a program on this terminal, and return its exit code. Ctrl-C reaches it as it does in a shell.

        The program decides what to do then. Raises SpecError where it can't be run.
        """
        command, environment = self._inside(node, argv)
        return run_in_foreground(command, environment, where=f"in {node}")

    # -- parts -------------------------------------------------------------

    def _nodes(self, names: Sequence[str]) -> Sequence[NodePlan]:
        """The nodes called `names`, all where there are none."""
        return [self._plan.node(name) for name in names] or self._plan.nodes

    def _folder(self, node: str) -> Path:
        return jvm_node.node_folder(self._plan, self._plan.node(node))

    def _log(self, name: str) -> NodeLog:
        """The log of a node or service."""
        for service in self._plan.services:
            if service.name == name:
                return service_log(self._plan, service)
        return NodeLog(self._folder(name) / "logs")

    def _data(self, name: str) -> Path:
        """The data folder of a node or service."""
        if self._plan.require_part(name) in self._services.names:
            return Path(next(service.data_folder for service in self._plan.services if service.name == name))
        return self._folder(name) / "data"

    def _parts(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """The names of nodes and those of services among `names`; all of both where there are none."""
        chosen = [self._plan.require_part(name) for name in names] or self._plan.part_names
        services = [name for name in chosen if name in self._services.names]
        return [name for name in chosen if name not in services], services

    def _inside(self, node: str, argv: list[str]) -> tuple[list[str], dict[str, str]]:
        """The command and environment of a program in a node, or beside a service.

        A person types the same paths in every runtime.
        """
        if node in self._services.names:
            return argv, clean_environment()
        secrets = f"{host_secrets(self._plan, self._plan.node(node))}/"
        argv = [argv[0], *(argument.replace(f"{SECRETS_FOLDER}/", secrets) for argument in argv[1:])]
        scripts = self._folder(node) / "bin"
        program = argv[0].removeprefix(f"{TOOLS_FOLDER}/")
        if (scripts / program).is_file():
            program = str(scripts / program)
        elif argv[0].startswith(f"{TOOLS_FOLDER}/"):
            raise SpecError([f"Kafka {self._plan.kafka_version} has no {program}"])
        return [program, *argv[1:]], dict(jvm_node.script_environment(self._plan, self._plan.node(node)))

    def _process(self, node: NodePlan) -> psutil.Process | None:
        known = ProcessId.load(jvm_node.node_folder(self._plan, node) / "pid.json")
        if known:
            return known.process()
        found = self._unrecorded.get(node.name)
        return found.process() if found else None

    @cached_property
    def _unrecorded(self) -> dict[str, ProcessId]:
        """{node: its process} of the nodes that run though the file with their pid is lost: by their command lines."""
        found = {}
        for process in processes.servers_of_lab(self._plan.state):
            with contextlib.suppress(psutil.Error, IndexError):  # it has ended since
                name = Path(process.cmdline()[-1]).parent.name  # its last argument is NODE/server.properties
                if known := ProcessId.of(process.pid):
                    found[name] = known
        return found

    def _await_ending(self) -> None:
        """Wait for the nodes that received a signal to end, and kill those that don't."""
        alive = {node.name: process for node in self._plan.nodes if (process := self._process(node))}
        ending = {name: process for name, process in alive.items() if is_ending(self._log(name).read(TAIL))}
        if ending:
            self._progress.note(f"{', '.join(ending)} is about to end: waiting, then starting it again")
        give_up = time.monotonic() + STOP_SECONDS
        while ending and time.monotonic() < give_up:
            # the log of a node that starts just now still ends with the end of its last run
            ending = {
                name: process
                for name, process in ending.items()
                if processes.wait([process], PAUSE_SECONDS) and is_ending(self._log(name).read(TAIL))
            }
        processes.kill(list(ending.values()))

    def _running(self, names: Sequence[str]) -> list[psutil.Process]:
        return [process for node in self._nodes(names) if (process := self._process(node))]

    def _crashed(self, node: str, code: int | None) -> bool:
        """Whether its JVM crashed, or ended with an error before Kafka logged a line."""
        if code is None or code in CRASHES or code <= 0:
            return code in CRASHES
        pid_file = self._folder(node) / "pid.json"
        if not pid_file.exists():  # it ended before its start time could be read
            return True
        return not self._log(node).has_lines_since(pid_file.stat().st_mtime)

    def _state(self, node: NodePlan) -> NodeState:
        child = self._children.get(node.name)
        log = self._log(node.name)
        if child is not None and child.poll() is not None:
            reason = _end_reason(child.returncode)
            return NodeState(node.name, "exited", child.returncode, reason, ended=log.last_written())
        process = self._process(node)
        if process is None:
            created = (self._folder(node.name) / "pid.json").exists()
            return NodeState(node.name, "exited" if created else "missing", ended=log.last_written())
        memory, reason = None, ""
        with contextlib.suppress(psutil.Error):
            memory = process.memory_info().rss
            reason = f"{FROZEN}: stopped by a signal (SIGSTOP)" if process.status() == psutil.STATUS_STOPPED else ""
        return NodeState(node.name, "running", reason=reason, memory=memory)


def _end_reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, sent from outside or by the system when memory ran out" if -code == signal.SIGKILL else name
