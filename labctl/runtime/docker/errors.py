"""What docker prints when it fails -> the error that a user reads, by the registry of known faults."""

from __future__ import annotations

import re

from labctl.engine_kinds import ENGINE_KINDS
from labctl.errors import HostError, LabError, RuntimeFailed
from labctl.known_faults import DOCKER_FAULTS, OTHER_RUNTIME
from labctl.runtime.docker.engine_version import EngineVersion

QUOTED_CHARACTERS = 300  # of docker's line


def require_engine_version(engine: EngineVersion, *, where: str = "", reason: str = "") -> None:
    """Raise HostError where a lab does not run on an engine of that kind and version.

    `where` follows its name in the message; `reason` is why, where it is not that of a health check.
    """
    kind = ENGINE_KINDS[engine.kind]
    found = re.match(r"[\d.]*\d", engine.version)
    if found and tuple(map(int, found[0].split("."))) < kind.oldest:
        oldest = ".".join(map(str, kind.oldest))
        raise HostError(
            f"{engine}{where} is too old: {reason or kind.reason} version {oldest}",
            f"install a newer one, {OTHER_RUNTIME}",
            "old-engine",
        )


def docker_error(command: str, exit_status: int | None, output: str) -> LabError:
    """Return the error for a docker command that failed: HostError for a known fault, else RuntimeFailed.

    `exit_status` is None where the command did not end in time.
    """
    for fault in DOCKER_FAULTS:
        match = fault.pattern.search(output) if fault.pattern and fault.command in command else None
        if match:
            cause = fault.cause.format(*match.groups())
            return HostError(f"{cause}: {_line_at(output, match.start())}", fault.remedy, fault.name)
    if exit_status is None:
        remedy = "is the Docker Engine overloaded or hung? docker info"
        return RuntimeFailed(command, None, output, remedy, "docker-hung")
    return RuntimeFailed(command, exit_status, output)


def _line_at(output: str, place: int) -> str:
    line = output[:place].rpartition("\n")[2].lstrip() + output[place:].partition("\n")[0].rstrip()
    return line[:QUOTED_CHARACTERS]
