"""What a container with a node of Kafka has, in Compose and in a Swarm: Java's options, settings, its first command."""

from __future__ import annotations

from labctl.constants import TOOLS_FOLDER
from labctl.kafka.broker_settings import COMMENTS, environment_name, node_settings
from labctl.kafka.console_tools import format_options
from labctl.plan.model import LabPlan, NodePlan
from labctl.plan.sizes import MEBIBYTE, heap_bytes
from labctl.rendering.templates import render_template

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


def memory_limit(plan: LabPlan) -> int:
    """Return the memory that a container may use, in MiB."""
    return (2 * heap_bytes(plan.heap)) // MEBIBYTE + TOOLS_MEMORY


def java_options(plan: LabPlan) -> str:
    """Return the options of Java that make a node start faster, and find the others again."""
    return " ".join(JAVA_OPTIONS if len(plan.nodes) == 1 else JAVA_OPTIONS + FRESH_ADDRESSES)


def has_mounted_settings(plan: LabPlan) -> bool:
    """Return whether the settings are a file: the format tool needs it before the node starts, with more options."""
    return plan.security is not None or plan.dynamic_quorum


def start_command(plan: LabPlan, node: NodePlan) -> str | None:
    """Return the command of a container whose settings are mounted; None where the image's own does.

    The image's launcher formats without these options, and skips that where the storage is formatted already. Its tool
    refuses the settings of a dynamic quorum even then: such a node starts without the launcher.
    """
    if not has_mounted_settings(plan):
        return None
    options = [*format_options(plan, node), *([f"@{node.secrets_folder}/format.args"] if plan.security else [])]
    start = f"{START}; exec $start {MOUNTED_PROPERTIES}" if plan.dynamic_quorum else f"exec {LAUNCHER}"
    return (
        f'{TOOLS_FOLDER}/kafka-storage.sh format --cluster-id="$CLUSTER_ID" -g -c {MOUNTED_PROPERTIES} '
        f"{' '.join(options)} >/dev/null; {start}"
    )


def environment(plan: LabPlan, node: NodePlan) -> list[tuple[str, str, str]]:
    """Return (variable, value, comment) of each setting; none where they are mounted as a file."""
    if has_mounted_settings(plan):
        return []
    settings = node_settings(plan, node)
    return [(environment_name(key), value, COMMENTS.get(key, "")) for key, value in settings.items()]


def properties_path(node: NodePlan) -> str:
    """Return the path of a node's mounted settings in the lab's folder."""
    return f"{node.name}/server.properties"


def mounted_properties(plan: LabPlan) -> dict[str, str]:
    """Return the mounted settings of each node: {path: text}; none where they are in the environment."""
    if not has_mounted_settings(plan):
        return {}
    return {
        properties_path(node): render_template(
            "local/server.properties.j2", plan=plan, node=node, settings=node_settings(plan, node), comments=COMMENTS
        )
        for node in plan.nodes
    }
