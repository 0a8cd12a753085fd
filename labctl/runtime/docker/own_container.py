"""The container in which labctl runs, where its engine is outside of it: a dev container, a CI job with the socket.

Ports that such an engine publishes on 127.0.0.1 are another machine's.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

from labctl.errors import HostError
from labctl.runtime.docker.engine import Engine

MARKERS = (".dockerenv", "run/.containerenv")  # Docker's and Podman's
MOUNTS = "proc/self/mountinfo"  # proc_pid_mountinfo(5): the fourth field is a folder of the engine, the fifth its place
# an engine mounts these files from the folder of the container, whose name is its id
MOUNTED_FILE = re.compile(
    r"^\S+ \S+ \S+ \S*containers/([0-9a-f]{64})/\S* /etc/(?:hostname|hosts|resolv\.conf) ", re.MULTILINE
)
LOCALHOST = {"localhost", "127.0.0.1"}


def published_host(engine: Engine, advertise: str, root: Path = Path("/")) -> str:
    """Return the host name by which labctl reaches what `engine` publishes, where labctl runs in a container of it.

    That is `advertise` (listeners.external.advertise); "" where this machine has those ports, and where DOCKER_HOST or
    the context names the engine's machine. `root` is the folder /.
    Raises HostError where the ports can't be reached: `advertise` is localhost, which is another machine's.
    """
    if not any((root / marker).exists() for marker in MARKERS):
        return ""
    own = _own_container(engine, root)
    if own is None or (own.get("HostConfig") or {}).get("NetworkMode") == "host":
        return ""
    if advertise not in LOCALHOST:
        return advertise
    if engine.place()[1]:
        return ""
    raise HostError(
        f"labctl runs in the container {str(own['Name']).lstrip('/')}, and the engine is outside of it: the ports that "
        "it publishes on 127.0.0.1 are those of its own machine, not of this container",
        "labctl up --runtime local runs the lab in this container; or start this container with --network host; or set "
        "listeners.external.advertise to a name of the engine's machine that this container can resolve, and "
        "listeners.external.bind to an address of that machine, if its network may see this Kafka",
        "engine-outside",
    )


def _own_container(engine: Engine, root: Path) -> dict[str, Any] | None:
    """What the engine knows of the container in which this process runs; None where it has no such container."""
    try:
        ids = set(MOUNTED_FILE.findall((root / MOUNTS).read_text(encoding="utf-8")))
    except OSError:
        ids = set()
    hostname = socket.gethostname()  # docker's default is the start of the id
    for found in engine.containers(sorted(ids) or [hostname]).values():
        if found["Id"] in ids or (not ids and found["Config"].get("Hostname") == hostname):
            return found
    return None
