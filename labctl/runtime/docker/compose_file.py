"""LabPlan -> docker-compose.yml, and server.properties of a secure lab's nodes."""

from __future__ import annotations

from labctl.engine_kinds import ENGINE_KINDS
from labctl.kafka.security_settings import host_secrets
from labctl.plan.model import LabPlan, NodePlan
from labctl.rendering.templates import render_template
from labctl.runtime.docker.node_container import (
    CLUSTER_LABEL,
    MOUNTED_CONFIG,
    MOUNTED_PROPERTIES,
    environment,
    has_mounted_settings,
    java_options,
    memory_limit,
    mounted_properties,
    properties_path,
    start_command,
)
from labctl.runtime.docker.service_container import service_container

COMPOSE_FILE = "docker-compose.yml"


def render_compose(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    return mounted_properties(plan) | {
        COMPOSE_FILE: render_template(
            "compose/docker-compose.yml.j2",
            plan=plan,
            nodes=[_service(plan, node) for node in plan.nodes],
            services=[service_container(plan, service) for service in plan.services],
            memory=memory_limit(plan),
            project=project_name(plan),
            java_options=java_options(plan),
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
        "environment": environment(plan, node),
        "mounts": _mounts(plan, node),
        "in_memory": [MOUNTED_CONFIG] if plan.security else [MOUNTED_CONFIG, secrets],
        "command": start_command(plan, node),
        "published": [listener for listener in node.listeners if listener.name == "EXTERNAL"],
        "health_port": node.listeners[0].port,
    }


def _mounts(plan: LabPlan, node: NodePlan) -> list[tuple[str, str]]:
    """(path here, path in the container) of what a secure node reads."""
    mounts = [(f"./{properties_path(node)}", MOUNTED_PROPERTIES)] if has_mounted_settings(plan) else []
    return mounts + ([(str(host_secrets(plan, node)), node.secrets_folder)] if plan.security else [])
