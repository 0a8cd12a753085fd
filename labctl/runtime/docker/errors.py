"""What docker prints when it fails -> the error that a user reads, by the registry of known faults."""

from __future__ import annotations

import re

from labctl.errors import HostError, LabError, RuntimeFailed
from labctl.known_faults import DOCKER_FAULTS, OLDEST_ENGINE, OTHER_RUNTIME

QUOTED_CHARACTERS = 300  # of docker's line


def require_engine_version(version: str) -> None:
    """Raise HostError where Compose would reject the lab's file on an engine of that version."""
    major = re.match(r"\d+", version)
    if major and int(major[0]) < OLDEST_ENGINE:
        raise HostError(
            f"the Docker Engine is too old: the lab's health check needs version {OLDEST_ENGINE}, this is {version}",
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
