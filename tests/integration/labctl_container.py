"""labctl in a container that has the engine's socket, as in a dev container or a CI job."""

import json
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from labctl.spec.model import default_spec
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, SOURCE

SYSTEM = Path("/usr")  # this machine's own, so that its Python and its docker command run there


def in_container(labctl, name, *options):
    """Return the command that runs another one in a container which has labctl's files and the engine's socket."""
    environment = {key: labctl.env[key] for key in ("PATH", "XDG_STATE_HOME", "DOCKER_CONFIG") if key in labctl.env}
    environment |= {"PYTHONPATH": str(SOURCE), "HOME": str(labctl.folder)}
    socket = _socket()
    mounts = [f"{folder}:{folder}:ro" for folder in _folders()]
    mounts += [f"{SYSTEM}:{SYSTEM}:ro", f"{socket}:/var/run/docker.sock"]
    mounts += [f"{folder}:{folder}" for folder in (labctl.folder, labctl.state.parent)]
    return [
        *("docker", "run", "--rm", "--user", "0", "--name", name, "--workdir", str(labctl.folder), *options),
        *(word for mount in mounts for word in ("--volume", mount)),
        *(word for key, value in environment.items() for word in ("--env", f"{key}={value}")),
        f"{OWN_IMAGE}:{default_spec().kafka.version}",
    ]


def _socket():
    host = os.environ.get("DOCKER_HOST") or json.loads(docker("context", "inspect"))[0]["Endpoints"]["docker"]["Host"]
    return urlsplit(host).path


def _folders():
    """The folders of labctl, Python and docker with its plugins, where they are not the system's."""
    plugins = json.loads(docker("info", "--format", "{{json .ClientInfo.Plugins}}"))
    files = [shutil.which("docker"), *(plugin["Path"] for plugin in plugins)]
    folders = {SOURCE, Path(sys.prefix), Path(sys.base_prefix)}
    folders |= {Path(file).parent for file in files} | {Path(file).resolve().parent for file in files}
    return sorted(folder for folder in folders if not folder.is_relative_to(SYSTEM))
