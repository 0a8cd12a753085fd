"""One node as a JVM of this machine: its command line, its scripts, its start."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from labctl.plan.model import LabPlan, NodePlan
from labctl.rendering.templates import render_template
from labctl.runtime.jvm.jvm_options import (
    CACHED_SCRIPTS,
    SUMS,
    TOOL_HEAP,
    LocalKafka,
    argument_file,
    clean_environment,
    node_logging,
    tool_logging,
    without_cache,
)
from labctl.system.files import write_whole
from labctl.system.processes import NODE_ARGUMENT, ProcessId


def node_folder(plan: LabPlan, node: NodePlan) -> Path:
    """Return the folder of the node's data, logs, scripts and pid."""
    return Path(plan.state) / "nodes" / node.name


def lab_argument(state: str) -> str:
    """Return the argument of every JVM of the lab, by which `down` finds what a killed labctl left."""
    return f"{NODE_ARGUMENT}{state}"


def set_up(kafka: LocalKafka, plan: LabPlan, node: NodePlan, files: Path) -> None:
    """Create the node's folder and argument files; `files` has its rendered files. Safe to repeat. Raises OSError."""
    folder = node_folder(plan, node)
    for name in ("data", "logs", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    names = {"jdk.net.hosts.file": str(files / "hosts")}
    wanted = {
        "broker": (plan.heap, names | node_logging(kafka, files)),
        **{use: (TOOL_HEAP, names | tool_logging(kafka, files)) for use in ("storage", "producer", "consumer")},
    }
    for use, (heap, properties) in wanted.items():
        arguments = kafka.arguments(use, heap=heap, properties=properties, logs=folder / "logs")
        (folder / f"{use}.args").write_text(argument_file(arguments), encoding="utf-8")


def drop_caches(plan: LabPlan, node: NodePlan, *, corrupt: bool) -> bool:
    """Make the node's JVMs start without AOT caches, and return whether they had any.

    With `corrupt` the next `up` records the caches again. Raises OSError.
    """
    dropped = []
    for path in node_folder(plan, node).glob("*.args"):
        arguments, caches = without_cache(path.read_text(encoding="utf-8"))
        if caches:
            write_whole(path, arguments)  # another tool may be starting
        dropped += caches
    for folder in {cache.parent for cache in dropped} if corrupt else ():
        with contextlib.suppress(OSError):
            (folder / SUMS).unlink()
    return bool(dropped)


def write_scripts(kafka: LocalKafka, plan: LabPlan, node: NodePlan) -> None:
    """Write Kafka's tools for the node, under their usual names. Safe to repeat. Raises OSError."""
    folder = node_folder(plan, node)
    missing = f"labctl: {kafka.jars[0]} is missing; to download it again: labctl cache warm --kafka {kafka.version}"
    for script, main_class in kafka.scripts.items():
        path = folder / "bin" / script
        path.write_text(
            render_template(
                "local/tool.sh.j2",
                script=script,
                version=kafka.version,
                node=node.name,
                lab=plan.name,
                java=shlex.quote(str(kafka.java.executable)),
                jar=shlex.quote(kafka.jars[0]),
                missing=shlex.quote(missing),
                state=shlex.quote(plan.state),
                arguments=shlex.quote(str(folder / f"{CACHED_SCRIPTS.get(script, 'consumer')}.args")),
                main_class=main_class,
            ),
            encoding="utf-8",
        )
        path.chmod(0o755)


def start(kafka: LocalKafka, plan: LabPlan, node: NodePlan, files: Path) -> subprocess.Popen[bytes]:
    """Start the node in a session of its own, without a terminal, keep its pid, and return it. Raises OSError."""
    folder = node_folder(plan, node)
    (folder / "pid.json").unlink(missing_ok=True)
    command = [str(kafka.java.executable), lab_argument(plan.state), f"@{folder / 'broker.args'}", "kafka.Kafka"]
    with (folder / "logs" / "stdout.log").open("wb") as output:
        process = subprocess.Popen(
            [*command, str(files / "server.properties")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_environment(),
            start_new_session=True,
        )
    identity = ProcessId.of(process.pid)
    if identity:
        identity.save(folder / "pid.json")
    return process


def script_environment(plan: LabPlan, node: NodePlan) -> Mapping[str, str]:
    """Return the environment of a program that runs inside the node: its scripts come first on PATH."""
    environment = clean_environment()
    return environment | {"PATH": f"{node_folder(plan, node) / 'bin'}:{environment.get('PATH', '/usr/bin:/bin')}"}
