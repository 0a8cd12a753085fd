"""A container that somebody else created: what is around it, what its settings can't do, and why it ended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.diagnostics.container_settings import container_findings
from labctl.diagnostics.diagnosis import NodeTrace, diagnose, root_cause
from labctl.lint.rule import Finding
from labctl.results import Diagnosis
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import Inspected, inspect_container, neighbours, read_log

# Why a Kafka ended that labctl did not configure, where its log says it: (pattern, cause, remedy). The known faults
# have remedies for labctl's own labs. Sources: Kafka's MetaPropertiesEnsemble; java.nio; KafkaDockerWrapper.
ENDINGS = (
    (
        re.compile(r"Invalid cluster\.id in: (\S+?)\. Expected ([\w-]+), but read ([\w-]+)"),
        "the data in {0} belongs to cluster {2}, and the settings say {1}",
        "set CLUSTER_ID to {2} again, or remove the volume {volume} (its data goes with it)",
    ),
    (
        re.compile(r"AccessDeniedException: (\S+)"),
        "{0} is not writable for the user of the image",
        "use a named volume, or give the folder to that user: chown 1000 (apache/kafka), 1001 (bitnami)",
    ),
    (
        re.compile(r"Stored node id (\d+) doesn't match|Invalid node\.id in: \S+ Expected \d+, but read (\d+)"),
        "the data belongs to another node",
        "give each node a volume of its own, or remove the volume {volume} (its data goes with it)",
    ),
    (
        re.compile(r"OutOfMemoryError: (.+)"),
        "the Java heap is too small ({0})",
        "set a larger one: KAFKA_HEAP_OPTS: -Xmx512m",
    ),
    (
        re.compile(r"Missing required configuration \"?`?(process\.roles|zookeeper\.connect)"),
        "Kafka has no {0}: the container has no complete configuration",
        "write the full set of variables (labctl render shows one), or none of them",
    ),
    (
        re.compile(r"ConfigException: (.+)|requirement failed: (.+)"),
        "Kafka refuses its settings: {0}{1}",
        "correct that setting in the container's environment",
    ),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A container, those around it, and what the rules of `labctl lint` find in its settings."""

    container: Inspected
    others: tuple[Inspected, ...]
    findings: tuple[Finding, ...]  # in its own settings
    other_findings: tuple[Finding, ...]  # in those of the others

    @property
    def is_only_controller(self) -> bool:
        """Whether clients have nothing to do with it."""
        return self.container.environment.get("KAFKA_PROCESS_ROLES", "").strip() == "controller"

    @property
    def errors(self) -> list[Finding]:
        """What can't work in its own settings, the worst first."""
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def all_errors(self) -> list[Finding]:
        """What can't work, its own settings first."""
        return [*self.errors, *(finding for finding in self.other_findings if finding.level == "error")]


def read_surroundings(name: str) -> Surroundings:
    """Return what is known of a container and of those around it. Raises HostError, RuntimeFailed."""
    engine = Engine()
    container = inspect_container(engine, name)
    others = tuple(neighbours(engine, container))
    return Surroundings(container, others, *container_findings(container, others))


def why_stopped(around: Surroundings) -> Diagnosis:
    """Return why a container does not run, by its settings or its log; `evidence` has its state and last words."""
    container = around.container
    if container.state == "paused":
        return Diagnosis("it responds to nothing until it goes on", f"docker unpause {container.name}", "", ("paused",))
    log = read_log(Engine(), container.name)
    how = f"{container.state}, exit code {container.exit_code}"
    how += ", out of memory" if container.out_of_memory else ""
    last = root_cause(log)
    seen = (how, last)
    if around.errors:
        return Diagnosis(around.errors[0].cause, around.errors[0].fix, "", seen)
    for pattern, cause, remedy in ENDINGS:
        match = pattern.search(log)
        if match:
            volume = next((source for kind, source, _target in container.mounts if kind == "volume"), "")
            groups = [group or "" for group in match.groups()]
            return Diagnosis(cause.format(*groups), remedy.format(*groups, volume=volume), "", seen)
    reason = "SIGKILL, out of memory" if container.out_of_memory else ""
    known = diagnose([NodeTrace(container.name, "exited", reason, log)])
    if known:
        return Diagnosis(known.cause, known.remedy, known.fault, seen)
    return Diagnosis(last, f"docker logs {container.name} shows more; docker start {container.name}", "", seen)
