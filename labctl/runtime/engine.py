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
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labctl import processes
from labctl.errors import HostError, RuntimeFailed
from labctl.parallel import run_all
from labctl.runtime.docker_faults import OTHER_RUNTIME, docker_error
from labctl.runtime.spoken import run_while_it_speaks

ASK_SECONDS = 10
CHANGE_SECONDS = 90
MAKING_SECONDS = 10  # half a second is usual
STALLED_SECONDS = 60  # of a pull: without a byte
BUILD_SECONDS = 1800
TIMED_OUT = 124  # the exit code of timeout(1) where it ended the command
# an engine that is not there is told as "no such host", or "no such file or directory"
NOT_THERE = re.compile(r"no such (?:container|volume|network|object)|(?:network|volume) \S+ not found", re.IGNORECASE)
NO_FAILURE = re.compile(f"{NOT_THERE.pattern}|has active endpoints|is in use|already in progress", re.IGNORECASE)
OF_A_LAYER = re.compile(r"[0-9a-f]{12}: ")  # how far it is, many times a second
UNNAMED = "unnamed volume"
REMOVALS = {
    "container": ["container", "rm", "--force", "--volumes"],
    "volume": ["volume", "rm", "--force"],
    UNNAMED: ["volume", "rm", "--force"],  # a container that Compose made anew hands its own on, and rm leaves them
    "network": ["network", "rm"],
}
# in the environment of every docker process that labctl starts; of those that make things the second
MARK, MAKER_MARK = "LABCTL_LAB", "LABCTL_MAKER"


class Engine:
    """The Docker Engine that this user's docker command talks to (context and DOCKER_HOST honoured).

    `mark` names whose work a docker process is, so that what a killed labctl left is found. `pin` is what `place` told
    of another day's engine: that one is talked to, whatever docker would find now. Every verb raises HostError or
    RuntimeFailed.
    """

    def __init__(self, mark: str = "labctl", pin: str = "") -> None:
        self._mark = mark
        self._pin = pin

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

    def place(self) -> tuple[str, str]:
        """What leads docker to this engine, as NAME=VALUE of the environment, and the engine's machine.

        The machine as clients of its published ports reach it; "" for this one.
        """
        url = os.environ.get("DOCKER_HOST", "")
        pin = f"DOCKER_HOST={url}"
        if not url:
            told = self._told(["context", "inspect", "--format", "{{.Name}}\n{{.Endpoints.docker.Host}}"])
            context, url = told.splitlines()[:2]
            pin = f"DOCKER_CONTEXT={context}"
        host = urlsplit(url if "://" in url else f"tcp://{url}").hostname or ""  # docker takes HOST:PORT too
        return pin, "" if host in {"localhost", "127.0.0.1", "::1"} else host

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
        """Pull the image, however long it takes while bytes come."""
        command = self.command("pull", image)
        code, told = run_while_it_speaks(command, STALLED_SECONDS)
        said = "\n".join(line for line in told.splitlines() if not OF_A_LAYER.match(line))
        if code is None:
            raise docker_error(_pasteable(command), None, f"{said}\nno byte came for {STALLED_SECONDS} s")
        if code:
            raise docker_error(_pasteable(command), code, said)

    def build(self, folder: Path, tag: str, contexts: Mapping[str, Path]) -> None:
        """Build the Dockerfile in `folder`; `contexts` are further folders that it copies from."""
        with self._docker(BUILD_SECONDS) as docker:
            docker.buildx.build(
                folder, tags=tag, build_contexts={key: str(path) for key, path in contexts.items()}, progress=False
            )

    # -- containers --------------------------------------------------------

    def compose_up(self, file: Path) -> None:
        """Create and start what docker-compose.yml says."""
        with self._docker(CHANGE_SECONDS, mark=MAKER_MARK, compose_files=[file]) as docker:
            docker.compose.up(detach=True, quiet=True, pull="never")

    def containers(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What `docker inspect` tells of the containers `names`; one that is not there is not in the answer."""
        return self._inspected("container", names)

    def volumes(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What `docker volume inspect` tells of `names`; one that is not there is not in the answer."""
        return self._inspected("volume", names)

    def objects(self, label: str, volumes: Collection[str]) -> dict[str, list[str]]:
        """Names of what carries `label` (KEY=VALUE), by kind: container, volume, network.

        Those of `volumes` that these containers have are there without a label too: docker makes a volume that was
        removed just before the container was made. Under UNNAMED the containers' unnamed volumes, which carry none.
        """
        label = f"label={label}"
        listings = {
            "container": ["--all", "--no-trunc", "--format", "{{.Names}} {{.Mounts}}"],
            "volume": ["--format", "{{.Name}}"],
            "network": ["--format", "{{.Name}}"],
        }
        jobs = [partial(self._told, [kind, "ls", "--filter", label, *more]) for kind, more in listings.items()]
        found = dict(zip(listings, map(str.splitlines, run_all(jobs, len(jobs))), strict=True))
        mounts = ",".join(line.partition(" ")[2] for line in found["container"]).split(",")
        found["container"] = [line.split()[0] for line in found["container"]]
        found["volume"] += sorted(set(volumes) & set(mounts) - set(found["volume"]))
        return found | {UNNAMED: [name for name in mounts if re.fullmatch("[0-9a-f]{64}", name)]}

    def remove(self, objects: Mapping[str, Sequence[str]]) -> None:
        """Remove at once what `objects` told; what is gone already, or held by another, is no error."""
        for kind, command in REMOVALS.items():
            names = objects.get(kind, ())
            if names:
                done = self._run([*command, *names], CHANGE_SECONDS)
                lines = [line for line in done.stderr.splitlines() if line and not line.startswith("exit status")]
                if done.returncode and not (lines and all(NO_FAILURE.search(line) for line in lines)):
                    raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)

    def holders(self, kind: str, name: str) -> list[str]:
        """The containers that hold a network or a volume."""
        return self._told(["container", "ls", "--all", "--filter", f"{kind}={name}", "--format", "{{.Names}}"]).split()

    def stop(self, names: Sequence[str], seconds: int) -> None:
        """SIGTERM all at once, SIGKILL after `seconds`."""
        with self._docker(CHANGE_SECONDS) as docker:
            docker.container.stop(list(names), time=seconds)

    def resident(self, container: str) -> int | None:
        """The memory in bytes that the processes of a container have resident; None where it just ended."""
        done = self._run(["top", container, "-o", "pid,rss"], ASK_SECONDS)
        rows = [line.split() for line in done.stdout.splitlines()[1:]]
        if done.returncode or not all(row[-1].isdecimal() for row in rows):  # busybox rounds: 378m
            return None
        return 1024 * sum(int(kibibytes) for _pid, kibibytes in rows)

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

    def end_commands(self) -> None:
        """End what docker processes of this mark there are: those of a labctl that was interrupted or killed go on.

        What makes things is let come to its end: the engine makes what it was asked for all the same, only later.
        Raises RuntimeFailed where it does not end.
        """
        processes.kill(processes.with_environment(MARK, self._mark))
        if still := processes.wait(processes.with_environment(MAKER_MARK, self._mark), MAKING_SECONDS):
            pids = " ".join(str(one.pid) for one in still)
            raise RuntimeFailed(
                "docker compose",
                None,
                f"an earlier one is still at work for this lab (pid {pids})",
                f"wait, or end it (kill {pids}); then labctl down again",
            )

    def command(self, *arguments: str) -> list[str]:
        """A docker command without a deadline, for who reads and writes it himself."""
        return [*self._call(None), *arguments]

    # -- calling -----------------------------------------------------------

    def _inspected(self, kind: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not names:
            return {}
        done = self._run([kind, "inspect", *names], ASK_SECONDS)
        if done.returncode and not NOT_THERE.search(done.stderr):
            raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)
        return {str(one["Name"]).removeprefix("/"): one for one in json.loads(done.stdout or "[]")}

    def _told(self, arguments: Sequence[str], seconds: float = ASK_SECONDS) -> str:
        done = self._run(arguments, seconds)
        if done.returncode:
            raise docker_error(_pasteable(done.args), done.returncode, done.stderr)
        return done.stdout

    def _call(self, seconds: float | None, mark: str = MARK) -> list[str]:
        if shutil.which("docker") is None:
            raise HostError(
                "there is no docker command on PATH", f"install Docker Engine and its CLI, {OTHER_RUNTIME}", "no-docker"
            )
        env = shutil.which("env") or "/usr/bin/env"
        # DOCKER_HOST beats DOCKER_CONTEXT
        unset = ["-u", "DOCKER_HOST"] if self._pin.startswith("DOCKER_CONTEXT=") else []
        pin = [self._pin] if self._pin else []
        return [env, *unset, f"{mark}={self._mark}", *pin, *_deadline(seconds), "docker"]

    def _run(self, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        command = [*self._call(seconds), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == TIMED_OUT:
            raise docker_error(_pasteable(command), None, done.stderr)
        return done

    @contextlib.contextmanager
    def _docker(self, seconds: float, *, mark: str = MARK, **options: Any) -> Iterator[Any]:
        call = self._call(seconds, mark)
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
    """What ends a command after `seconds`: GNU's timeout(1), which macOS and Alpine lack."""
    if seconds is None:
        return []
    program = shutil.which("timeout")
    if program and "busybox" not in os.path.realpath(program):  # whose options and exit codes are others
        return [program, "--kill-after=2", f"{seconds:.1f}"]
    return [sys.executable, "-S", "-E", str(Path(__file__).with_name("deadline.py")), f"{seconds:.1f}"]


def _exit_status(code: int) -> int | None:
    return None if code in {TIMED_OUT, 128 + 9} else code


def _pasteable(command: Sequence[Any]) -> str:
    """The command as a person would type it, without labctl's own deadline and mark."""
    words = [str(word) for word in command]
    return shlex.join(words[words.index("docker") :] if "docker" in words else words)
