"""A Docker Engine behind few verbs, each under a deadline; the only importer of python_on_whales.

What changes things goes through python_on_whales; the small questions asked again and again go to docker's command
itself, since importing python_on_whales takes 0.17 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labctl.errors import HostError, RuntimeFailed
from labctl.parallel import run_all
from labctl.runtime.docker_faults import OTHER_RUNTIME, docker_error

ASK_SECONDS = 10
CHANGE_SECONDS = 90
PULL_SECONDS = 1800
BUILD_SECONDS = 1800
TIMED_OUT = 124  # the exit code of timeout(1) where it ended the command
MARK = "LABCTL_LAB"  # in the environment of every docker process that labctl starts


class Engine:
    """The Docker Engine that this user's docker command talks to (context and DOCKER_HOST honoured).

    `mark` names whose work a docker process is, so that what a killed labctl left is found. Every verb raises HostError
    or RuntimeFailed.
    """

    def __init__(self, mark: str = "labctl") -> None:
        self._mark = mark

    def version(self, seconds: float = ASK_SECONDS) -> str:
        """The engine's version."""
        return self._told(["version", "--format", "{{.Server.Version}}"], seconds).strip()

    def clock(self, seconds: float = ASK_SECONDS) -> datetime:
        """What time the engine's machine has."""
        told = self._told(["info", "--format", "{{.SystemTime}}"], seconds).strip()
        if not told:  # docker info without an engine ends well, and says nothing
            raise HostError("no Docker Engine answers", OTHER_RUNTIME, "no-engine")
        return moment(told)

    def compose_version(self) -> str:
        """The version of the Compose plugin."""
        return self._told(["compose", "version", "--short"]).strip()

    def host(self) -> str:
        """The machine that the engine is on, as clients of its published ports reach it; "" for this one."""
        url = os.environ.get("DOCKER_HOST", "")
        if not url:
            url = self._told(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).strip()
        host = urlsplit(url).hostname or ""
        return "" if host in {"localhost", "127.0.0.1", "::1"} else host

    # -- images ------------------------------------------------------------

    def has_image(self, image: str) -> bool:
        """Whether the image is here."""
        return self._run(["image", "inspect", "--format", "{{.Id}}", image], ASK_SECONDS).returncode == 0

    def has_manifest(self, image: str, seconds: float) -> bool:
        """Whether a registry tells of the image within `seconds`."""
        try:
            return self._run(["manifest", "inspect", image], seconds).returncode == 0
        except RuntimeFailed:
            return False

    def pull(self, image: str) -> None:
        """Pull the image."""
        with self._docker(PULL_SECONDS) as docker:
            docker.image.pull(image, quiet=True)

    def build(self, folder: Path, tag: str, contexts: Mapping[str, Path]) -> None:
        """Build the Dockerfile in `folder`; `contexts` are further folders that it copies from."""
        with self._docker(BUILD_SECONDS) as docker:
            docker.buildx.build(
                folder, tags=tag, build_contexts={key: str(path) for key, path in contexts.items()}, progress=False
            )

    # -- containers --------------------------------------------------------

    def compose_up(self, file: Path) -> None:
        """Create and start what docker-compose.yml says."""
        with self._docker(CHANGE_SECONDS, compose_files=[file]) as docker:
            docker.compose.up(detach=True, quiet=True, pull="never")

    def containers(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What `docker inspect` tells of the containers `names`; one that is not there is not in the answer."""
        return self._inspected("container", names)

    def volumes(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What `docker volume inspect` tells of `names`; one that is not there is not in the answer."""
        return self._inspected("volume", names)

    def objects(self, label: str) -> dict[str, list[str]]:
        """Names of what carries `label` (KEY=VALUE), by kind: container, volume, network."""
        listings = {
            "container": ["container", "ls", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"],
            "volume": ["volume", "ls", "--filter", f"label={label}", "--format", "{{.Name}}"],
            "network": ["network", "ls", "--filter", f"label={label}", "--format", "{{.Name}}"],
        }
        told = run_all([partial(self._told, command) for command in listings.values()], len(listings))
        return {kind: text.split() for kind, text in zip(listings, told, strict=True)}

    def remove(self, objects: Mapping[str, Sequence[str]]) -> None:
        """Remove at once what `objects` told; what is gone already is no error."""
        for kind, options in (("container", ["--force", "--volumes"]), ("volume", ["--force"]), ("network", [])):
            names = list(objects.get(kind, ()))
            if names:
                done = self._run([kind, "rm", *options, *names], CHANGE_SECONDS)
                gone = ("no such", "not found", "already in progress", "has active endpoints", "is in use")
                if done.returncode and not any(words in done.stderr.lower() for words in gone):
                    raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)

    def stop(self, names: Sequence[str], seconds: int) -> None:
        """SIGTERM all at once, SIGKILL after `seconds`."""
        with self._docker(CHANGE_SECONDS) as docker:
            docker.container.stop(list(names), time=seconds)

    def resident(self, container: str) -> int | None:
        """The memory in bytes that the processes of a container have resident; None where it just ended."""
        done = self._run(["top", container, "-o", "pid,rss"], ASK_SECONDS)
        rows = [line.split() for line in done.stdout.splitlines()[1:]]
        return 1024 * sum(int(kibibytes) for _pid, kibibytes in rows) if done.returncode == 0 else None

    def logs(self, container: str, tail: int | None) -> str:
        """The newest `tail` lines that the container said."""
        with self._docker(ASK_SECONDS) as docker:
            return str(docker.container.logs(container, tail=tail))

    def follow_logs(self, container: str, tail: int | None) -> Iterator[str]:
        """What the container says, as it comes."""
        command = self.command("logs", "--follow", "--tail", "all" if tail is None else str(tail), container)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as following:
            try:
                yield from following.stdout or ()
            finally:
                following.kill()

    def command(self, *arguments: str) -> list[str]:
        """A docker command without a deadline, for who reads and writes it himself."""
        return [*self._call(None), *arguments]

    # -- calling -----------------------------------------------------------

    def _inspected(self, kind: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not names:
            return {}
        done = self._run([kind, "inspect", *names], ASK_SECONDS)
        if done.returncode and "no such" not in done.stderr.lower():
            raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)
        return {str(one["Name"]).removeprefix("/"): one for one in json.loads(done.stdout or "[]")}

    def _told(self, arguments: Sequence[str], seconds: float = ASK_SECONDS) -> str:
        done = self._run(arguments, seconds)
        if done.returncode:
            raise docker_error(_pasteable(done.args), done.returncode, done.stderr)
        return done.stdout

    def _call(self, seconds: float | None) -> list[str]:
        if shutil.which("docker") is None:
            raise HostError(
                "there is no docker command on PATH", f"install Docker Engine and its CLI, {OTHER_RUNTIME}", "no-docker"
            )
        env = shutil.which("env") or "/usr/bin/env"
        return [env, f"{MARK}={self._mark}", *_deadline(seconds), "docker"]

    def _run(self, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        command = [*self._call(seconds), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == TIMED_OUT:
            raise docker_error(_pasteable(command), None, done.stderr)
        return done

    @contextlib.contextmanager
    def _docker(self, seconds: float, **options: Any) -> Iterator[Any]:
        call = self._call(seconds)
        from python_on_whales import DockerClient
        from python_on_whales.exceptions import DockerException

        try:
            yield DockerClient(client_call=call, client_type="docker", **options)
        except DockerException as error:
            output = "\n".join(filter(None, (error.stderr, error.stdout)))
            raise docker_error(_pasteable(error.docker_command), _exit_status(error.return_code), output) from None


def load_client() -> None:
    """Import python_on_whales, which takes 0.17 s: done beside something that waits."""
    import python_on_whales  # noqa: F401


def moment(text: str) -> datetime:
    """A moment as docker tells it: RFC 3339 with up to nine digits of a second."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))


def _deadline(seconds: float | None) -> list[str]:
    """What ends a command after `seconds`: timeout(1), which macOS lacks."""
    if seconds is None:
        return []
    program = shutil.which("timeout")
    if program:
        return [program, "--kill-after=2", f"{seconds:.1f}"]
    return [sys.executable, "-S", "-E", str(Path(__file__).with_name("deadline.py")), f"{seconds:.1f}"]


def _exit_status(code: int) -> int | None:
    return None if code in {TIMED_OUT, 128 + 9} else code


def _pasteable(command: Sequence[Any]) -> str:
    """The command as a person would type it, without labctl's own deadline and mark."""
    words = [str(word) for word in command]
    return shlex.join(words[words.index("docker") :] if "docker" in words else words)
