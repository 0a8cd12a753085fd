"""LabPlan -> docker-compose.yml, and server.properties of a secure lab's nodes."""

from __future__ import annotations

from labctl.constants import TOOLS_FOLDER
from labctl.engine_kinds import ENGINE_KINDS
from labctl.kafka.broker_settings import COMMENTS, environment_name, node_settings
from labctl.kafka.console_tools import format_options
from labctl.kafka.security_settings import host_secrets
from labctl.plan.model import LabPlan, NodePlan
from labctl.plan.sizes import MEBIBYTE, heap_bytes
from labctl.rendering.templates import render_template

COMPOSE_FILE = "docker-compose.yml"
LAB_LABEL = "labctl.lab"
CLUSTER_LABEL = "labctl.cluster"  # the lab to which an object of Docker belongs: names repeat, cluster ids don't
MOUNTED_CONFIG = "/mnt/shared/config"  # where apache/kafka's launcher reads settings
MOUNTED_PROPERTIES = f"{MOUNTED_CONFIG}/server.properties"
TOOLS_MEMORY = 512  # MiB for tools that run by `docker exec` in the node's container
JAVA_OPTIONS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
# Docker gives a container that starts again the first free address, which another node had where several start. Java
# keeps the address of a name for 30 s: a node that kept running would send its requests to the wrong node, for ever.
FRESH_ADDRESSES = ["-Dsun.net.inetaddr.ttl=0", "-Dsun.net.inetaddr.negative.ttl=0"]
LAUNCHER = "/etc/kafka/docker/run"
# images of earlier versions of labctl have only the second
START = (
    f"start={TOOLS_FOLDER}/kafka-server-start.sh; "
    f'[ -x $start ] || start="{TOOLS_FOLDER}/kafka-run-class.sh kafka.Kafka"'
)


def render_compose(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    memory = (2 * heap_bytes(plan.heap)) // MEBIBYTE + TOOLS_MEMORY
    properties = {_properties_path(node): _properties(plan, node) for node in plan.nodes if _is_mounted(plan)}
    return properties | {
        COMPOSE_FILE: render_template(
            "compose/docker-compose.yml.j2",
            plan=plan,
            nodes=[_service(plan, node) for node in plan.nodes],
            memory=memory,
            project=project_name(plan),
            java_options=" ".join(JAVA_OPTIONS if len(plan.nodes) == 1 else JAVA_OPTIONS + FRESH_ADDRESSES),
            cluster_label=CLUSTER_LABEL,
            engine=ENGINE_KINDS[plan.engine_kind],
            labelled=plan.selinux and ":" not in plan.state,  # Compose writes such a mount as SOURCE:TARGET:OPTIONS
        )
    }


def project_name(plan: LabPlan) -> str:
    """Return Compose's project name: it starts the names of the lab's volumes, and has no capitals."""
    return f"labctl-{plan.name.lower()}"


def _service(plan: LabPlan, node: NodePlan) -> dict[str, object]:
    secrets = node.secrets_folder
    return {
        "plan": node,
        "environment": _environment(plan, node),
        "mounts": _mounts(plan, node),
        "in_memory": [MOUNTED_CONFIG] if plan.security else [MOUNTED_CONFIG, secrets],
        "command": _format_first(plan, node) if _is_mounted(plan) else None,
        "published": [listener for listener in node.listeners if listener.name == "EXTERNAL"],
        "health_port": node.listeners[0].port,
    }


def _is_mounted(plan: LabPlan) -> bool:
    """Whether the settings are a file: the format tool needs it before the node starts, with more options."""
    return plan.security is not None or plan.dynamic_quorum


def _format_first(plan: LabPlan, node: NodePlan) -> str:
    """The image's own launcher formats without these options, and skips that where the storage is formatted already.

    Its tool refuses the settings of a dynamic quorum even then: such a node starts without the launcher.
    """
    options = [*format_options(plan, node), *([f"@{node.secrets_folder}/format.args"] if plan.security else [])]
    start = f"{START}; exec $start {MOUNTED_PROPERTIES}" if plan.dynamic_quorum else f"exec {LAUNCHER}"
    return (
        f'{TOOLS_FOLDER}/kafka-storage.sh format --cluster-id="$CLUSTER_ID" -g -c {MOUNTED_PROPERTIES} '
        f"{' '.join(options)} >/dev/null; {start}"
    )


def _environment(plan: LabPlan, node: NodePlan) -> list[tuple[str, str, str]]:
    """(variable, value, comment) of each setting; none where they are mounted as a file."""
    if _is_mounted(plan):
        return []
    settings = node_settings(plan, node)
    return [(environment_name(key), value, COMMENTS.get(key, "")) for key, value in settings.items()]


def _mounts(plan: LabPlan, node: NodePlan) -> list[tuple[str, str]]:
    """(path here, path in the container) of what a secure node reads."""
    mounts = [(f"./{_properties_path(node)}", MOUNTED_PROPERTIES)] if _is_mounted(plan) else []
    return mounts + ([(str(host_secrets(plan, node)), node.secrets_folder)] if plan.security else [])


def _properties_path(node: NodePlan) -> str:
    return f"{node.name}/server.properties"


def _properties(plan: LabPlan, node: NodePlan) -> str:
    return render_template(
        "local/server.properties.j2", plan=plan, node=node, settings=node_settings(plan, node), comments=COMMENTS
    )
