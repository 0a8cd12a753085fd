"""The containers of a Compose file that run Kafka, and the addresses that clients on this machine use for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from labctl.diagnostics.container_settings import host_address
from labctl.errors import LabStopped, SpecError
from labctl.lab.foreign import ForeignKafka
from labctl.lint.compose.loader import load_stack
from labctl.lint.kafka_nodes import kafka_nodes
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import COMPOSE_FILES, Inspected, inspect_containers


def compose_kafkas(file: Path) -> list[ForeignKafka]:
    """Return the Kafka nodes of a Compose file that have containers, brokers first.

    Raises SpecError where it is no Compose file or has no Kafka, LabStopped where none of its Kafka services has a
    container; HostError or RuntimeFailed where docker can't be used.
    """
    nodes = kafka_nodes(load_stack([file], os.environ))
    if not nodes:
        raise SpecError([f"{file}: no service runs a Kafka image that labctl knows"], "labctl lint shows what it reads")
    containers = _containers(file)
    names = {node.name for node in nodes}
    found = [container for container in containers if container.service in names]
    if not found:
        raise LabStopped(f"{file}: no container runs {', '.join(sorted(names))}", f"docker compose -f {file} up -d")
    machine = Engine().place()[1]
    kafkas = [ForeignKafka(host_address(each, _without(each, containers), machine) or "", each.name) for each in found]
    return sorted(kafkas, key=lambda kafka: not kafka.bootstrap)


def _without(container: Inspected, containers: Sequence[Inspected]) -> list[Inspected]:
    return [each for each in containers if each.name != container.name]


def _containers(file: Path) -> list[Inspected]:
    """The containers of the Compose project that was started from the file, by their names."""
    engine = Engine()
    names = engine.container_names([f"label={COMPOSE_FILES}"], stopped=True)
    path = file.resolve()
    found = inspect_containers(engine, sorted(names))
    return [each for each in found if path in [Path(name).resolve() for name in each.files]]
