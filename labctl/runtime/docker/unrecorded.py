"""Containers of labs whose record may be lost: Compose wrote on each which docker-compose.yml it is from."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path, PurePath

from labctl.errors import HostError
from labctl.runtime.docker.compose_file import COMPOSE_FILE
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import COMPOSE_FILES
from labctl.runtime.docker.node_container import CLUSTER_LABEL, LAB_LABEL
from labctl.spec.formats import lab_name

LABELS = (LAB_LABEL, COMPOSE_FILES, CLUSTER_LABEL)
LISTING_SECONDS = 3.0  # an engine that is slower than that is not waited for: most labs have no container


def containers_below(folder: Path) -> dict[str, dict[str, str]]:
    """Return the containers of all labs with a state folder directly below `folder`: {lab: {container: its cluster}}.

    None where there is no engine. Raises RuntimeFailed where it does not respond in time.
    """
    found: dict[str, dict[str, str]] = {}
    if shutil.which("docker") is None:
        return found
    with contextlib.suppress(HostError):
        for container, (lab, file, cluster) in Engine().labels(LABELS, LISTING_SECONDS).items():
            with contextlib.suppress(ValueError):
                if PurePath(file) == PurePath(folder, lab_name(lab), "files", COMPOSE_FILE):
                    found.setdefault(lab, {})[container] = cluster
    return found


def removal_commands(clusters: Collection[str]) -> str:
    """Return the commands that remove the containers, volumes and networks of clusters, for a person.

    labctl does not remove them itself: a container or another machine that uses the same engine may have a lab of the
    same name and path. Raises HostError, RuntimeFailed.
    """
    found = [Engine().objects(f"{CLUSTER_LABEL}={cluster}", ()) for cluster in sorted(clusters)]
    commands = {"container": "docker rm -f -v", "volume": "docker volume rm", "network": "docker network rm"}
    return "; ".join(
        f"{command} {' '.join(names)}"
        for kind, command in commands.items()
        if (names := [name for objects in found for name in objects[kind]])
    )
