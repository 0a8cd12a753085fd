"""What docker says when it fails -> the error that a user should see: a table of known faults."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.errors import HostError, LabError, RuntimeFailed


@dataclass(frozen=True, slots=True)
class DockerFault:
    """A failure that is recognised by docker's own words; `cause` may quote the pattern's groups: {0}, {1}.

    Where `command` is given, only a command with these words fails in this way.
    """

    name: str
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    command: str = ""


# a docker without a plugin takes the plugin's flags for its own
PLUGIN_MISSING = (
    r"is not a docker command|unknown command: docker"
    r"|unknown (?:shorthand )?flag: .*\s+(?:See .*\s+)?Usage:\s+docker \[OPTIONS\]"
)
OLDEST_ENGINE = 25  # the first with a health check's start_interval
OTHER_RUNTIME = "or take the runtime that needs no Docker: --runtime local"
TOO_OLD = f"the Docker Engine is too old: the lab's health check needs version {OLDEST_ENGINE}"
NEWER_ENGINE = f"install a newer one, {OTHER_RUNTIME}"
DOCKER_FAULTS = (
    DockerFault(
        "no-compose",
        re.compile(PLUGIN_MISSING),
        "the docker command has no Compose",
        f"install Compose's plugin (docker-compose-plugin, docker-compose-v2), {OTHER_RUNTIME}",
        "docker compose",
    ),
    DockerFault(
        "no-buildx",
        re.compile(PLUGIN_MISSING),
        "the docker command has no buildx, which builds images",
        "install its plugin (docker-buildx-plugin, docker-buildx)",
        "docker buildx",
    ),
    DockerFault(
        "old-engine",
        re.compile(r"start_interval"),
        TOO_OLD,
        NEWER_ENGINE,
    ),
    DockerFault(
        "no-docker-permission",
        re.compile(r"permission denied while trying to connect", re.IGNORECASE),
        "this user has no permission for the Docker Engine's socket",
        f"join the group that owns it (sudo usermod -aG docker $USER, then log in again), {OTHER_RUNTIME}",
    ),
    DockerFault(
        "no-engine",
        re.compile(
            r"cannot connect to the docker daemon|error during connect|is the docker daemon running"
            r"|failed to connect to the docker api",
            re.IGNORECASE,
        ),
        "no Docker Engine answers",
        f"start it (sudo systemctl start docker, or Docker Desktop), {OTHER_RUNTIME}",
    ),
    DockerFault(
        "pull-limit",
        re.compile(r"toomanyrequests|too many requests|rate limit", re.IGNORECASE),
        "the image registry refuses more pulls for now (429)",
        f"docker login, wait, or make an image of your own: labctl image build; {OTHER_RUNTIME}",
    ),
    DockerFault(
        "no-such-image",
        re.compile(
            r"manifest unknown|name unknown|NAME_UNKNOWN|manifest for \S+ not found|repository does not exist"
            r"|pull access denied"
        ),
        "the image registry has no such image",
        "mend kafka.image or kafka.version in lab.yaml, or make an image of your own: labctl image build",
    ),
    DockerFault(
        "other-architecture",
        re.compile(r"no matching manifest for (\S+)"),
        "the image registry has this image for other processors, not for {0}",
        "name an image for this one in kafka.image, or make an image of your own: labctl image build",
    ),
    DockerFault(
        "no-registry",
        re.compile(
            r"no such host|dial tcp|i/o timeout|TLS handshake timeout|network is unreachable|certificate|EOF"
            r"|Client\.Timeout exceeded|proxyconnect|failed to do request|no byte came for",
        ),
        "the image registry can't be reached",
        f"check the network, or make an image of your own: labctl image build; {OTHER_RUNTIME}",
    ),
    DockerFault(
        "port-taken",
        re.compile(
            r"(?:Bind for \S+?:|listen tcp4? \S+?:|bind host port (?:for )?[\d.]+:)(\d+)\S*(?: failed)?:? "
            r".*(?:allocated|in use)"
        ),
        "port {0} is taken by another program",
        "end that program, set the port's key (listeners.external.port, ui.port), or try: labctl up --ports auto",
    ),
    DockerFault(
        "foreign-container",
        re.compile(r'[Cc]onflict.*container name "/?([^"]+)" is already in use'),
        "there is a container {0} that labctl did not make",
        "rename or remove it, or give this lab another name: labctl up --name NAME",
    ),
    DockerFault(
        "node-removed",
        re.compile(r"marked for removal and cannot be started|No such container"),
        "a container of the lab was removed from outside while it was started",
        "find out who removes it (docker events), then labctl up again",
        "docker compose",
    ),
    DockerFault(
        "docker-disk-full",
        re.compile(r"no space left on device"),
        "the disk that holds the Docker Engine's data is full",
        "free some space: docker system df shows what takes it",
    ),
    DockerFault(
        "no-subnet",
        re.compile(r"address space|could not find an available.* (?:subnet|address pool)|all predefined address pools"),
        "the Docker Engine has no free subnet for the lab's network",
        "remove networks that nothing uses: docker network prune",
    ),
)


def refuse_old_engine(version: str) -> None:
    """Raise HostError where Compose would refuse the lab's file on an engine of that version."""
    major = re.match(r"\d+", version)
    if major and int(major[0]) < OLDEST_ENGINE:
        raise HostError(f"{TOO_OLD}, this is {version}", NEWER_ENGINE, "old-engine")


def docker_error(command: str, exit_status: int | None, output: str) -> LabError:
    """The error for a docker command that failed; RuntimeFailed with docker's own words where it is not a known one."""
    for fault in DOCKER_FAULTS:
        match = fault.pattern.search(output) if fault.command in command else None
        if match:
            cause = fault.cause.format(*match.groups())
            return HostError(f"{cause}: {_line_of(output, match.start())}", fault.remedy, fault.name)
    if exit_status is None:
        return RuntimeFailed(
            command, None, output, "is the Docker Engine overloaded or hung? docker info", "docker-hung"
        )
    return RuntimeFailed(command, exit_status, output)


def _line_of(output: str, place: int) -> str:
    return output[:place].rpartition("\n")[2].lstrip() + output[place:].partition("\n")[0].rstrip()[:300]
