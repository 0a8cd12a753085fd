"""Containers of labs whose record is lost: Compose wrote on each which docker-compose.yml it is from."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path, PurePath

from labctl.errors import LabError
from labctl.runtime.docker.compose_file import CLUSTER_LABEL, COMPOSE_FILE, LAB_LABEL
from labctl.runtime.docker.engine import UNNAMED, Engine
from labctl.runtime.docker.inspected import COMPOSE_FILES
from labctl.system.waiting import Deadline, NotReady, wait_until

LABELS = (LAB_LABEL, CLUSTER_LABEL, COMPOSE_FILES)
ASK_SECONDS = 3.0  # an engine that is slower than that is not waited for: most labs have no container
REMOVAL_SECONDS = 60.0


def containers_below(folder: Path) -> dict[str, dict[str, str]]:
    """Return the containers of the labs with a state folder directly below `folder`: {lab: {container: its cluster}}.

    Nothing where no engine responds.
    """
    if shutil.which("docker") is None:
        return {}
    found: dict[str, dict[str, str]] = {}
    with contextlib.suppress(LabError):
        for container, (lab, cluster, file) in Engine().labels(LABELS, ASK_SECONDS).items():
            if PurePath(file) == PurePath(folder, lab, "files", COMPOSE_FILE):
                found.setdefault(lab, {})[container] = cluster
    return found


def remove_clusters(clusters: set[str]) -> list[str]:
    """Remove the containers, volumes and networks of these clusters, and return what was removed.

    Raises HostError or RuntimeFailed where docker fails, ReadinessTimeout where something stays.
    """
    engine = Engine()
    removed: dict[str, None] = {}

    def remove() -> None:
        for cluster in clusters:
            found = engine.objects(f"{CLUSTER_LABEL}={cluster}", ())
            engine.remove(found)
            names = [f"{kind} {name}" for kind, names in found.items() if kind != UNNAMED for name in names]
            removed.update(dict.fromkeys(names))
            if names:
                raise NotReady(f"{names[0]} was there")

    wait_until(remove, what="everything of the lab removed", deadline=Deadline.after(REMOVAL_SECONDS))
    return list(removed)
