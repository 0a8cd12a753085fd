"""Services of labs whose record may be lost: each has the lab's state folder as a label."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath

from labctl.errors import HostError
from labctl.runtime.docker.node_container import CLUSTER_LABEL, LAB_LABEL
from labctl.runtime.swarm.engine import SwarmEngine
from labctl.runtime.swarm.stack_file import STATE_LABEL
from labctl.spec.formats import lab_name

STACK_LABEL = "com.docker.stack.namespace"  # set by `docker stack deploy`


def services_below(folder: Path) -> dict[str, dict[str, str]]:
    """Return the services of all labs with a state folder directly below `folder`: {lab: {service: its cluster}}.

    None where docker's engine is no manager of a swarm. Raises RuntimeFailed where it does not respond in time.
    """
    found: dict[str, dict[str, str]] = {}
    for name, labels in _labels():
        with contextlib.suppress(ValueError):
            lab = lab_name(labels[LAB_LABEL])
            if PurePath(labels[STATE_LABEL]) == PurePath(folder, lab):
                found.setdefault(lab, {})[name] = labels[CLUSTER_LABEL]
    return found


def stack_removal_commands(clusters: Collection[str]) -> list[str]:
    """Return the commands that remove the stacks of clusters and their volumes, for a person. Raises RuntimeFailed."""
    own = [labels for _name, labels in _labels() if labels[CLUSTER_LABEL] in clusters]
    stacks = sorted({labels.get(STACK_LABEL, "") for labels in own})
    volumes = [
        f"on each node of the swarm: docker volume rm $(docker volume ls -q --filter label={CLUSTER_LABEL}={cluster})"
        for cluster in sorted({labels[CLUSTER_LABEL] for labels in own})
    ]
    return [f"docker stack rm {' '.join(stacks)}", *volumes] if own else []


def _labels() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The services of labctl, with their labels."""
    if shutil.which("docker") is None:
        return
    with contextlib.suppress(HostError):
        for name, service in SwarmEngine().services().items():
            labels = service["Spec"].get("Labels") or {}
            if {LAB_LABEL, CLUSTER_LABEL, STATE_LABEL} <= labels.keys():
                yield name, labels
