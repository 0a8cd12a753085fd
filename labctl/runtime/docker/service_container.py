"""What a container with a service beside Kafka has in Compose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labctl.constants import TOOLS_FOLDER
from labctl.plan.model import LabPlan, ServicePlan
from labctl.plan.sizes import MEBIBYTE, heap_bytes
from labctl.rendering.templates import render_template
from labctl.runtime.docker.node_container import JAVA_OPTIONS, MOUNTED_CONFIG
from labctl.service_kinds import SERVICES
from labctl.services import connect, schema_registry

MORE_MEMORY = 384  # MiB beside the heap
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - of the container: the engine publishes its port on 127.0.0.1 alone
WORKER_FILE = "/tmp/worker.properties"  # noqa: S108 - in the container
NO_CONNECT = "ERROR this image has no Kafka Connect: labctl image build creates one that has"
LOGS = "/tmp/logs"  # noqa: S108 - in the container; its own folder is another user's


def service_container(plan: LabPlan, service: ServicePlan) -> dict[str, Any]:
    """Return what the template of Compose's file needs of a service."""
    return {
        "plan": service,
        "title": SERVICES[service.kind].title,
        "image": service.image or plan.image,
        "memory": heap_bytes(service.heap) // MEBIBYTE + MORE_MEMORY,
        **KINDS[service.kind](plan, service),
    }


def _registry(_plan: LabPlan, service: ServicePlan) -> dict[str, Any]:
    environment = schema_registry.environment(service, EVERY_ADDRESS)
    options = {"JAVA_OPTS_APPEND": " ".join([*JAVA_OPTIONS, f"-Xmx{service.heap}"])}
    return {"environment": environment | options, "in_memory": [], "mounts": [], "command": ""}


def _connect(plan: LabPlan, service: ServicePlan) -> dict[str, Any]:
    settings = connect.worker_settings(
        plan, service, bootstrap=plan.internal_bootstrap, address=EVERY_ADDRESS, plugin_path=""
    )
    settings["rest.advertised.host.name"] = service.name
    text = render_template("local/worker.properties.j2", plan=plan, settings=settings, comments=connect.COMMENTS)
    return {
        "environment": {
            "WORKER_PROPERTIES": text,
            "KAFKA_HEAP_OPTS": f"-Xmx{service.heap}",
            "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(JAVA_OPTIONS),
            "LOG_DIR": LOGS,
        },
        "in_memory": [MOUNTED_CONFIG, "/etc/kafka/secrets", "/var/lib/kafka/data"],
        "mounts": [(plugins_here(plan, service), service.plugin_folder)] if service.plugins else [],
        "command": _start_worker(service),
    }


def _start_worker(service: ServicePlan) -> str:
    """The command of the worker's container. Kafka's image loads its file connectors as a plugin alone."""
    kafka = TOOLS_FOLDER.removesuffix("/bin")
    more = f",{service.plugin_folder}" if service.plugins else ""
    return (
        f"[ -x {TOOLS_FOLDER}/connect-distributed.sh ] || {{ echo '{NO_CONNECT}' >&2; exit 1; }}; "
        f"printf '%s\\n' \"$WORKER_PROPERTIES\" > {WORKER_FILE}; "
        f'echo "plugin.path=$(echo {kafka}/libs/connect-file-*.jar){more}" >> {WORKER_FILE}; '
        f"exec {TOOLS_FOLDER}/connect-distributed.sh {WORKER_FILE}"
    )


KINDS = {"schema_registry": _registry, "connect": _connect}


def plugins_here(plan: LabPlan, service: ServicePlan) -> str:
    """Return the folder on this machine with the plugins of Kafka Connect."""
    return str(Path(plan.state) / service.name / "plugins")
