"""LabPlan -> docker-stack.yml, and server.properties of the nodes whose settings are a file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from labctl.kafka.security_settings import host_secrets, node_secret_names
from labctl.plan.model import LabPlan, Listener, NodePlan, Place
from labctl.rendering.templates import render_template
from labctl.runtime.docker.node_container import (
    CLUSTER_LABEL,
    LAB_LABEL,
    MOUNTED_CONFIG,
    MOUNTED_PROPERTIES,
    environment,
    java_options,
    memory_limit,
    mounted_properties,
    properties_path,
    start_command,
)

STACK_FILE = "docker-stack.yml"
STATE_LABEL = "labctl.state"  # the lab's state folder
IMAGE_VOLUMES = ("/var/lib/kafka/data", MOUNTED_CONFIG, "/etc/kafka/secrets")  # that apache/kafka's image declares
DIGEST = 8  # characters: the name of a config or secret has 64 at most


@dataclass(frozen=True, slots=True)
class MountedFile:
    """A config or secret of the swarm: its key in the stack file, its name, where its content is, where it appears."""

    key: str
    name: str
    file: str
    target: str


@dataclass(frozen=True, slots=True)
class Service:
    """A node of Kafka as a service of the stack."""

    plan: NodePlan
    environment: list[tuple[str, str, str]]
    config: MountedFile | None
    secrets: list[MountedFile]
    in_memory: list[str]  # folders
    command: str | None
    published: list[Listener]


def render_stack(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}."""
    return mounted_properties(plan) | {STACK_FILE: stack_file(plan, plan.node_names)}


def stack_file(
    plan: LabPlan, names: Collection[str], images: Mapping[Place, str] | None = None, checksum: str = ""
) -> str:
    """Return a stack file with the nodes called `names`, and what keeps the network where they run.

    `images` are the ids of the image on nodes of the swarm: Swarm asks a registry for each name of an image before it
    starts a container, however long no registry responds, but not for an id. `checksum` is that of the content of the
    lab's secrets.
    """
    properties = mounted_properties(plan)
    nodes = [_service(plan, node, properties) for node in plan.nodes if node.name in names]
    places = used_places(plan, names)
    labels = {LAB_LABEL: plan.name, CLUSTER_LABEL: plan.cluster_id, STATE_LABEL: plan.state}
    return render_template(
        "swarm/docker-stack.yml.j2",
        plan=plan,
        nodes=nodes,
        places=places,
        images=images or dict.fromkeys(places, plan.image),
        configs=[node.config for node in nodes if node.config],
        secrets=[secret for node in nodes for secret in node.secrets],
        image_volumes=IMAGE_VOLUMES,
        stack=stack_name(plan),
        memory=memory_limit(plan),
        java_options=java_options(plan),
        labels="{" + ", ".join(f'{name}: "{value}"' for name, value in labels.items()) + "}",
        anchor_name=anchor_name,
        checksum=checksum,
    )


def used_places(plan: LabPlan, names: Collection[str] | None = None) -> list[Place]:
    """Return the nodes of the swarm that run the lab's nodes called `names`; None: all."""
    wanted = plan.node_names if names is None else names
    return list(dict.fromkeys(node.place for node in plan.nodes if node.place and node.name in wanted))


def anchor_name(place: Place) -> str:
    """Return the name, in the stack file, of the service that keeps the lab's network on a node of the swarm."""
    return f"anchor-{place.id[:8].lower()}"


def stack_name(plan: LabPlan) -> str:
    """Return the name of the stack: it starts the names of its services and volumes."""
    return f"labctl-{plan.name.lower()}"


def service_name(plan: LabPlan, name: str) -> str:
    """Return the full name of a service: that of a node or of an anchor."""
    return f"{stack_name(plan)}_{name}"


def volume_name(plan: LabPlan, node: str) -> str:
    """Return the name of the volume with a node's data."""
    return f"{stack_name(plan)}_{node}-data"


def digest(content: bytes) -> str:
    """Return a short checksum, for a name."""
    return hashlib.sha256(content).hexdigest()[:DIGEST]


def _service(plan: LabPlan, node: NodePlan, properties: Mapping[str, str]) -> Service:
    path = properties_path(node)
    return Service(
        node,
        environment=environment(plan, node),
        config=_config(plan, node, properties[path]) if path in properties else None,
        secrets=_secrets(plan, node),
        in_memory=[MOUNTED_CONFIG, node.secrets_folder],
        command=start_command(plan, node),
        published=[listener for listener in node.listeners if listener.name == "EXTERNAL"],
    )


def _config(plan: LabPlan, node: NodePlan, text: str) -> MountedFile:
    """A node's settings as a config of the swarm. Another text is another config: Docker changes none."""
    name = f"lab-{plan.cluster_id}-{node.name}-{digest(text.encode())}"
    return MountedFile(f"{node.name}-settings", name, f"./{properties_path(node)}", MOUNTED_PROPERTIES)


def _secrets(plan: LabPlan, node: NodePlan) -> list[MountedFile]:
    """A node's secret files as secrets of the swarm."""
    names = node_secret_names(plan.security) if plan.security else []
    folder = host_secrets(plan, node)
    return [
        MountedFile(
            f"{node.name}-{number}",
            f"lab-{plan.cluster_id}-{node.name}-{number}",
            str(folder / name),
            f"{node.secrets_folder}/{name}",
        )
        for number, name in enumerate(names, 1)
    ]
