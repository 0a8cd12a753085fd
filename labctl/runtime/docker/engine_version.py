"""Which engine responds, from `docker version`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labctl.engine_kinds import DOCKER, ENGINE_KINDS
from labctl.errors import HostError
from labctl.known_faults import OTHER_RUNTIME

ARGUMENTS = ("version", "--format", "{{json .Server}}")


@dataclass(frozen=True, slots=True)
class EngineVersion:
    """An engine: its kind (a key of ENGINE_KINDS), its version, and the release of the kernel on which it runs."""

    kind: str
    version: str
    kernel: str = ""

    def __str__(self) -> str:
        """Return it as messages name it: Docker Engine 26.1.5."""
        return f"{ENGINE_KINDS[self.kind].title} {self.version}"


def podman_command() -> HostError:
    """Return the error for a docker command that is Podman's: it prints other things than Docker's."""
    return HostError(
        "the docker command is Podman's own (podman-docker), which has no Compose of Docker",
        "install Docker's command with Compose (docker-ce-cli, docker-compose-plugin), start Podman's service "
        "(systemctl --user enable --now podman.socket), and export "
        "DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock (as root: unix:///run/podman/podman.sock); "
        f"{OTHER_RUNTIME}",
        "podman-command",
    )


def parse_version(output: str) -> EngineVersion:
    """Return the engine that docker printed for ARGUMENTS. Raises HostError where this is no command of Docker."""
    try:
        server: Mapping[str, Any] | None = json.loads(output)
        if server is None:  # Docker's own command ends with an error where no engine responds
            raise podman_command()
        components = {each["Name"] for each in server.get("Components") or []}
        kind = next((kind for kind, row in ENGINE_KINDS.items() if row.component in components), DOCKER)
        return EngineVersion(kind, str(server["Version"]), str(server.get("KernelVersion", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HostError(
            "the docker command is not Docker's own: `docker version` printed no engine's version",
            f"install Docker's command (docker-ce-cli, docker-compose-plugin); {OTHER_RUNTIME}",
        ) from None
