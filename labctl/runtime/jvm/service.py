"""One service as a JVM of this machine: its command line, its start, its end."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from labctl.plan.model import PAGE_ADDRESS, LabPlan, ServicePlan
from labctl.runtime.base import NodeState
from labctl.runtime.jvm.java import Java
from labctl.runtime.jvm.jvm_options import LocalKafka, argument_file, clean_environment, jvm_options, node_logging
from labctl.runtime.jvm.node_log import NodeLog
from labctl.runtime.lab_process import LabProcess
from labctl.services import schema_registry
from labctl.services.connect import USER
from labctl.system import processes
from labctl.system.files import write_private
from labctl.system.processes import SERVICE_ARGUMENT

PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class JvmService:
    """What runs a service: a Java, its classpath, its main class, and its AOT cache ("": none)."""

    java: Java
    classpath: tuple[str, ...]
    main_class: str
    options: tuple[str, ...] = ()
    kafka: LocalKafka | None = None  # where it is a program of Kafka: it logs as a node does
    cache: str = ""
    recording: str = ""  # the AOT cache that it writes when it ends


def service_process(plan: LabPlan, service: ServicePlan) -> LabProcess:
    """Return the process of a service of the lab, which need not run."""
    return LabProcess(service.name, SERVICE_ARGUMENT.format(name=service.name), plan.state)


def start_service(jvm: JvmService, plan: LabPlan, service: ServicePlan, files: Path) -> subprocess.Popen[bytes]:
    """Start a service, whose rendered files are in `files`, and return its process. Raises OSError."""
    process = service_process(plan, service)
    logs = process.folder / "logs"
    for folder in (logs, process.folder / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    properties = node_logging(jvm.kafka, files) if jvm.kafka else {}
    if service.login_file:
        properties["java.security.auth.login.config"] = str(files / "login.conf")
    _write_login(service)
    options = jvm_options(heap=service.heap, properties=properties, logs=logs, cache=jvm.cache, recording=jvm.recording)
    arguments = process.folder / "service.args"
    arguments.write_text(argument_file([*options, *jvm.options, "-cp", ":".join(jvm.classpath)]), encoding="utf-8")
    environment = clean_environment()
    command = [str(jvm.java.executable), process.argument, f"@{arguments}", jvm.main_class]
    if service.kind == "schema_registry":
        environment |= schema_registry.environment(service, PAGE_ADDRESS)
    else:
        command.append(str(files / "worker.properties"))
    return process.launch(command, logs / "stdout.log", environment=environment)


def service_log(plan: LabPlan, service: ServicePlan) -> NodeLog:
    """Return the log of a service."""
    return NodeLog(service_process(plan, service).folder / "logs")


def service_state(plan: LabPlan, service: ServicePlan) -> NodeState:
    """Return the state of a service, with its memory in bytes."""
    state = service_process(plan, service).state()
    if state.state == "running":
        return state
    started = (service_process(plan, service).folder / "pid.json").exists()
    return NodeState(service.name, "exited" if started else "missing", ended=service_log(plan, service).last_written())


def stop_service(plan: LabPlan, service: ServicePlan, seconds: float) -> None:
    """Send SIGTERM to a service, and SIGKILL where it does not end within `seconds`."""
    found = running_services(plan, service)
    processes.kill(processes.terminate(found, seconds))


def running_services(plan: LabPlan, service: ServicePlan) -> list[psutil.Process]:
    """Return the process of a service, and those that a killed labctl started and did not write down."""
    process = service_process(plan, service)
    known = process.running
    if known or not process.folder.exists():
        return [known] if known else []
    return processes.with_argument(process.argument)


def _write_login(service: ServicePlan) -> None:
    """Create a new login of a service that requires one, and what curl needs to log in. Raises OSError.

    While the service does not run, somebody else may have its port, and receive its old login.
    """
    if service.login_file:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        write_private(Path(service.curl_file), f'user = "{USER}:{password}"\n')
        write_private(Path(service.login_file), f"{USER}={password}\n")
