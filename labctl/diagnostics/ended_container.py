"""Why a container of somebody else's Kafka ended: by docker, by its settings, by what its log says."""

from __future__ import annotations

import re

from labctl.diagnostics.container_settings import stops_node
from labctl.diagnostics.diagnosis import NodeTrace, diagnose, root_cause
from labctl.diagnostics.surroundings import Surroundings
from labctl.results import Diagnosis
from labctl.runtime.docker.inspected import Inspected

# Why a Kafka ended, where its log says more than the known faults do: (pattern, cause, remedy). Sources: Kafka's
# MetaPropertiesEnsemble; java.nio; KafkaDockerWrapper.
ENDINGS = (
    (
        re.compile(r"Invalid cluster\.id in: (\S+?)\. Expected ([\w-]+), but read ([\w-]+)"),
        "the data in {0} belongs to cluster {2}, and the settings say {1}",
        "set CLUSTER_ID to {2} again{storage}",
    ),
    (
        re.compile(r"AccessDeniedException: (\S+)"),
        "{0} is not writable for the user of the image",
        "use a named volume, or give the folder to that user: chown 1000 (apache/kafka), 1001 (bitnami)",
    ),
    (
        re.compile(r"Missing required configuration \"?`?(process\.roles|zookeeper\.connect)"),
        "Kafka has no {0}: the container has no complete configuration",
        "write the full set of variables (labctl render shows one), or none of them",
    ),
)
# The remedies of the known faults are for labctl's own labs: lab.yaml, labctl down. These are for somebody else's.
REMEDIES = {
    "bad-setting": "correct that setting in the container's environment",
    "disk-full": "free some space: docker system df shows what uses it",
    "heap-too-small": "set a larger one: KAFKA_HEAP_OPTS: -Xmx512m",
    "name-unresolved": "correct that name in KAFKA_CONTROLLER_QUORUM_VOTERS or KAFKA_ADVERTISED_LISTENERS",
    "newer-data": "use the image of the newer Kafka again",
    "no-native-memory": "set a smaller heap: KAFKA_HEAP_OPTS, or raise the container's memory limit",
    "other-cluster": "set CLUSTER_ID to that of the data again{storage}",
    "other-node": "give each node a volume of its own{storage}",
    "port-taken": "give each listener a port of its own, or end the program that has it",
    "too-many-files": "raise the limit of open files of the container (ulimits: nofile)",
}


KILLED = 137  # by SIGKILL
STOPPED = {0, 130, 143}  # by itself, by SIGINT, by SIGTERM


def why_stopped(around: Surroundings, log: str) -> Diagnosis:
    """Return why a container does not run, or ends again and again, by its settings and its log.

    `evidence` has its state, and its last words where it ended by itself.
    """
    container = around.container
    if container.state == "paused":
        return Diagnosis("it responds to nothing until it goes on", f"docker unpause {container.name}", "", ("paused",))
    how = f"{container.state}, exit code {container.exit_code}"
    how += ", out of memory" if container.out_of_memory else ""
    how += f", restarted {container.restarts} times" if container.restarts else ""
    by_docker = None if container.running else _ended_by_docker(container)
    found = by_docker or _ended_by_itself(around, log)
    last = found.evidence or (() if by_docker else (root_cause(log),))  # who is ended from outside logs nothing of it
    return Diagnosis(found.cause, found.remedy, found.fault, (how, *last))


def _ended_by_docker(container: Inspected) -> Diagnosis | None:
    """Why docker did not start a container, or ended it; None where it ended by itself."""
    if container.error:
        remedy = f"correct that, then docker start {container.name}"
        return Diagnosis(f"docker can't start it: {container.error}", remedy, "", (container.error,))
    if container.out_of_memory and container.exit_code == KILLED:
        limit = f" of {container.memory >> 20} MB" if container.memory else ""
        return Diagnosis(f"the memory limit{limit} was exceeded", "raise it, or lower the heap: KAFKA_HEAP_OPTS")
    if container.exit_code == KILLED:
        by = "by docker kill, by docker stop after its time, or by the system for want of memory"
        return Diagnosis(f"it was killed, {by}", f"docker start {container.name}")
    if container.state == "created":
        return Diagnosis("it was never started", f"docker start {container.name}")
    if container.exit_code in STOPPED:
        return Diagnosis("it was stopped", f"docker start {container.name}")
    return None


def _ended_by_itself(around: Surroundings, log: str) -> Diagnosis:
    container = around.container
    for finding in around.errors:
        if stops_node(finding):
            return Diagnosis(finding.cause, finding.fix)
    for pattern, cause, remedy in ENDINGS:
        match = pattern.search(log)
        if match:
            groups = [group or "" for group in match.groups()]
            return Diagnosis(cause.format(*groups), remedy.format(*groups, storage=_storage(container, match[0])))
    known = diagnose([NodeTrace(container.name, "exited", "", log)])
    more = f"docker logs {container.name} shows more; docker start {container.name}"
    if known:
        remedy = REMEDIES.get(known.fault, more).format(storage=_storage(container, log))
        return Diagnosis(known.cause, remedy, known.fault)
    return Diagnosis(root_cause(log), more)


def _storage(container: Inspected, text: str) -> str:
    """How to begin with empty data: what is mounted where a path in `text` is, else the only volume; "": not known."""
    volumes = [mount for mount in container.mounts if mount[0] in {"volume", "bind"}]
    there = [mount for mount in volumes if re.search(rf"(?<![\w/]){re.escape(mount[2].rstrip('/'))}(/|\b)", text)]
    if not there and len(volumes) != 1:
        return ""
    kind, source, _target = max(there or volumes, key=lambda mount: len(mount[2]))
    return f", or {'remove the volume' if kind == 'volume' else 'empty'} {source} (its data goes with it)"
