"""RUNTIMES: the ways to run a lab, and what differs between them before anything runs.

This module is light, so that lab.yaml, the planner and the page can read it. What runs the nodes is in `module`:
its functions `open_runtime(plan, files, progress)`, `render(plan)` and `validate(spec)` are called by labctl.runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

from labctl.constants import SECRETS_FOLDER


@dataclass(frozen=True, slots=True)
class RuntimeTraits:
    """A runtime.

    In the folders, the prefix and the network, {state}, {node}, {service}, {container} and {lab} are filled in.
    """

    module: str  # imported when it is needed
    own_addresses: (
        bool  # each node has a network address of its own: all nodes use the same ports and bind all addresses
    )
    containers: bool  # nodes are containers of an engine: they need an image
    data_folder: str  # where a node keeps its data, as it sees it
    secrets_folder: str  # where a node reads its secrets, as it sees it
    native_prefix: tuple[str, ...] = ()  # what a person types before a command in a node, without labctl
    isolates: bool = False  # a node can be cut off from the others' network
    in_swarm: bool = False  # nodes are spread over the nodes of a Docker Swarm
    has_kafbat: bool = False  # Kafbat UI can run beside the nodes
    has_services: bool = False  # a schema registry and Kafka Connect can run beside the nodes
    service_folder: str = ""  # of a service's data and plugins, as it sees it
    network: str = ""  # the engine's network, where other containers reach the nodes by their names; "": there is none


RUNTIMES = {
    "compose": RuntimeTraits(
        module="labctl.runtime.docker.entry",
        own_addresses=True,
        containers=True,
        data_folder="/var/lib/kafka/data",  # the volume that apache/kafka's image declares
        secrets_folder=SECRETS_FOLDER,  # a volume that apache/kafka's image declares
        native_prefix=("docker", "exec", "-i", "{container}"),
        isolates=True,
        has_kafbat=True,
        has_services=True,
        service_folder="/var/lib/labctl",
        network="labctl-{lab}",
    ),
    "local": RuntimeTraits(
        module="labctl.runtime.jvm.entry",
        own_addresses=False,
        containers=False,
        data_folder="{state}/nodes/{node}/data",
        secrets_folder="{state}/secrets/nodes/{node}",
        has_services=True,
        service_folder="{state}/{service}",
    ),
    "swarm": RuntimeTraits(
        module="labctl.runtime.swarm.entry",
        own_addresses=True,
        containers=True,
        data_folder="/var/lib/kafka/data",
        secrets_folder=SECRETS_FOLDER,
        in_swarm=True,
        network="labctl-{lab}",
    ),
}
