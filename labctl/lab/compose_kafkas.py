"""The containers of a Compose file that run Kafka, and the addresses that clients on this machine use for them."""

from __future__ import annotations

import os
from pathlib import Path

from labctl.diagnostics.container_settings import host_address
from labctl.errors import LabStopped, SpecError
from labctl.lab.foreign import ForeignKafka
from labctl.lint.compose.loader import load_stack
from labctl.lint.node import kafka_nodes
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import COMPOSE_SERVICE, Inspected, inspect_container

FOLDER_LABEL = "com.docker.compose.project.working_dir"
FILES_LABEL = "com.docker.compose.project.config_files"


def compose_kafkas(file: Path) -> list[ForeignKafka]:
    """Return the Kafka nodes of a Compose file that have containers, brokers first.

    Raises SpecError where it is no Compose file or has no Kafka, LabStopped where none of its Kafka services has a
    container; HostError or RuntimeFailed where docker can't be used.
    """
    nodes = kafka_nodes(load_stack([file], os.environ))
    if not nodes:
        raise SpecError([f"{file}: no service runs a Kafka image that labctl knows"], "labctl lint shows what it reads")
    containers = _containers(file)
    found = [containers[node.name] for node in nodes if node.name in containers]
    if not found:
        names = ", ".join(node.name for node in nodes)
        raise LabStopped(f"{file}: no container runs {names}", f"docker compose -f {file} up -d")
    every = list(containers.values())
    kafkas = [ForeignKafka(host_address(each, every) or "", each.name) for each in found]
    return sorted(kafkas, key=lambda kafka: not kafka.bootstrap)


def _containers(file: Path) -> dict[str, Inspected]:
    """{service: container} of the Compose project that was started from the file."""
    engine = Engine()
    path = file.resolve()
    names = engine.container_names([f"label={FOLDER_LABEL}={path.parent}"], stopped=True)
    found = engine.containers(sorted(names))
    mine = {
        name: str(each["Config"]["Labels"].get(COMPOSE_SERVICE, ""))
        for name, each in found.items()
        if str(path) in str(each["Config"]["Labels"].get(FILES_LABEL, path)).split(",")
    }
    return {service: inspect_container(engine, name) for name, service in sorted(mine.items(), reverse=True)}
