"""A Docker Engine behind a few methods, each with a deadline.

What changes something goes through python_on_whales. Small queries that are repeated run the docker command directly:
importing python_on_whales takes 0.17 s.
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
from typing import IO, Any
from urllib.parse import urlsplit

from labctl.engine_kinds import DOCKER, ENGINE_KINDS
from labctl.errors import HostError, RuntimeFailed
from labctl.known_faults import OTHER_RUNTIME
from labctl.runtime.docker import engine_version
from labctl.runtime.docker.engine_version import EngineVersion, parse_version, podman_command
from labctl.runtime.docker.errors import docker_error
from labctl.runtime.docker.stall_timeout import run_with_stall_timeout
from labctl.system import processes
from labctl.system.parallel import run_all

ASK_SECONDS = 10
CHANGE_SECONDS = 90
COPY_SECONDS = 600
CREATE_SECONDS = 10  # half a second is usual
STALL_SECONDS = 60  # of a pull: without a byte
BUILD_SECONDS = 1800
TIMED_OUT = 124  # the exit code of timeout(1) where it ended the command
# an engine that does not exist is reported as "no such host", or "no such file or directory"
NOT_FOUND = re.compile(
    r"no such (?:container|volume|network|object|task|service|config|secret)"
    r"|(?:network|volume|service|config|secret|task)(?: \S+)? not found",
    re.IGNORECASE,
)
# "is being used" is Podman's
NO_FAILURE = re.compile(
    f"{NOT_FOUND.pattern}|has active endpoints|is in use|is being used|already in progress", re.IGNORECASE
)
LAYER_PROGRESS = re.compile(r"[0-9a-f]{12}: ")  # printed many times a second
UNNAMED = "unnamed volume"
REMOVALS = {
    "container": ["container", "rm", "--force", "--volumes"],
    "volume": ["volume", "rm", "--force"],
    UNNAMED: ["volume", "rm", "--force"],  # a container that Compose creates again inherits its own, and rm leaves them
    "network": ["network", "rm"],
}
# In the environment of every docker process that labctl starts: whose work it is. The second for those that create
# objects: an engine goes on with them when their process is killed.
MARK, CREATOR_MARK = "LABCTL_LAB", "LABCTL_MAKER"


class Engine:
    """The Docker Engine that this user's docker command uses, by context or DOCKER_HOST.

    `mark` says whose work a docker process is, so that what a killed labctl left is found. `pin` is what `place`
    returned when the lab was created: that engine is used, whatever docker would use now. `kind` is a key of
    ENGINE_KINDS. Every method raises LabError: HostError where docker, its engine or an object is not usable,
    RuntimeFailed where a command fails otherwise.
    """

    def __init__(self, mark: str = "labctl", pin: str = "", kind: str = DOCKER) -> None:
        self._mark = mark
        self._pin = pin
        self._kind = ENGINE_KINDS[kind]

    def version(self, seconds: float = ASK_SECONDS) -> EngineVersion:
        """Return the engine's kind and version."""
        return parse_version(self._output(engine_version.ARGUMENTS, seconds))

    def memory(self, seconds: float = ASK_SECONDS) -> int:
        """Return the bytes of memory of the engine's machine: where it is a virtual machine, not of this one."""
        return int(self._info("{{.MemTotal}}", seconds))

    def clock(self, seconds: float = ASK_SECONDS) -> datetime:
        """Return the time of the engine's machine."""
        return parse_time(self._info("{{.SystemTime}}", seconds))

    def is_rootless(self, seconds: float = ASK_SECONDS) -> bool:
        """Return whether the engine runs without root: its containers' users are then subordinate users of the host."""
        return "name=rootless" in self._output(["info", "--format", "{{.SecurityOptions}}"], seconds)

    def compose_version(self) -> str:
        """Return the version of the Compose plugin."""
        return self._output(["compose", "version", "--short"]).strip()

    def place(self) -> tuple[str, str]:
        """Return what selects this engine, as NAME=VALUE of the environment, and the engine's machine.

        The machine is the host name by which clients reach its published ports; "" for this machine.
        """
        url = os.environ.get("DOCKER_HOST", "")
        pin = f"DOCKER_HOST={url}"
        if not url:
            output = self._output(["context", "inspect", "--format", "{{.Name}}\n{{.Endpoints.docker.Host}}"])
            if len(output.splitlines()) < 2:
                raise podman_command()
            context, url = output.splitlines()[:2]
            pin = f"DOCKER_CONTEXT={context}"
        host = urlsplit(url if "://" in url else f"tcp://{url}").hostname or ""  # docker accepts HOST:PORT too
        return pin, "" if host in {"localhost", "127.0.0.1", "::1"} else host

    # -- images ------------------------------------------------------------

    def has_image(self, image: str) -> bool:
        """Return whether the engine has the image."""
        return bool(self.image_id(image))

    def image_id(self, image: str) -> str:
        """Return the id of an image on this engine; "" where it has none of this name."""
        return self._run(["image", "inspect", "--format", "{{.Id}}", image], ASK_SECONDS).stdout.strip()

    def has_manifest(self, image: str, seconds: float) -> bool:
        """Return whether a registry has the image; False where it does not respond within `seconds`."""
        try:
            return self._run(["manifest", "inspect", image], seconds).returncode == 0
        except RuntimeFailed:
            return False

    def pull(self, image: str) -> None:
        """Pull the image, however long it takes while bytes arrive."""
        command = self.command("pull", image)
        code, output = run_with_stall_timeout(command, STALL_SECONDS)
        messages = "\n".join(line for line in output.splitlines() if not LAYER_PROGRESS.match(line))
        if code is None:
            raise docker_error(_pasteable(command), None, f"{messages}\nno byte arrived for {STALL_SECONDS} s")
        if code:
            raise docker_error(_pasteable(command), code, messages)

    def build(self, folder: Path, tag: str) -> None:
        """Build the Dockerfile in `folder` as `tag`."""
        builder = ["buildx", "build"] if self._kind.buildkit else ["build"]
        self._output([*builder, "--quiet", "--tag", tag, str(folder)], BUILD_SECONDS)

    # -- containers --------------------------------------------------------

    def compose_up(self, file: Path, services: Sequence[str] = ()) -> None:
        """Create and start the services of docker-compose.yml, all where none is named."""
        with self._docker(CHANGE_SECONDS, mark=CREATOR_MARK, compose_files=[file]) as docker:
            docker.compose.up(list(services) or None, detach=True, quiet=True, pull="never")

    def compose_create(self, file: Path, services: Sequence[str]) -> None:
        """Create the containers of services of docker-compose.yml, with their networks and volumes, and start none."""
        with self._docker(CHANGE_SECONDS, mark=CREATOR_MARK, compose_files=[file]) as docker:
            docker.compose.create(list(services), pull="never")

    def copy_from(self, container: str, path: str, into: Path) -> None:
        """Copy the content of a folder of a container, which need not run, into the folder `into`."""
        self._output(["container", "cp", "--quiet", f"{container}:{path}/.", str(into)], COPY_SECONDS)

    def copy_into(self, container: str, path: str, packed: IO[bytes]) -> None:
        """Unpack a tar archive in a folder of a container, which need not run; its entries keep their users."""
        command = [*self._call(COPY_SECONDS), "container", "cp", "-", f"{container}:{path}"]
        done = subprocess.run(command, stdin=packed, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise docker_error(_pasteable(command), _exit_status(done.returncode), done.stderr)

    def containers(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what `docker inspect` prints of the containers `names`, without those that do not exist."""
        return self._inspected("container", names)

    def images(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what `docker image inspect` prints of the images `ids`, without those that do not exist: {id: it}."""
        if not ids:
            return {}
        done = self._run(["image", "inspect", *ids], ASK_SECONDS)
        return {str(entry["Id"]): entry for entry in json.loads(done.stdout or "[]")}

    def container_names(self, filters: Sequence[str], *, stopped: bool = False) -> set[str]:
        """Return the names of the containers to which any of docker's `filters` applies; `stopped`: also those."""
        found: set[str] = set()
        for each in filters:
            every = ["--all"] if stopped else []
            found |= set(self._output(["container", "ls", *every, "--filter", each, "--format", "{{.Names}}"]).split())
        return found

    def labels(self, names: Sequence[str], seconds: float) -> dict[str, list[str]]:
        """Return the values of these labels, of each container that has the first: {container: values}."""
        wanted = "\t".join(["{{.Names}}", *(f'{{{{.Label "{name}"}}}}' for name in names)])
        listing = ["container", "ls", "--all", "--filter", f"label={names[0]}", "--format", wanted]
        lines = [line.split("\t") for line in self._output(listing, seconds).splitlines()]
        # somebody else's label may have a tab or a new line
        return {line[0]: line[1:] for line in lines if len(line) == 1 + len(names)}

    def start_helper(self, name: str, image: str, network: str, command: Sequence[str]) -> None:
        """Start a container that removes itself when `command` ends, of an image that is there, on a network."""
        options = ["--detach", "--rm", "--pull", "never", "--name", name, "--network", network]
        program, *arguments = command
        limits = ["--memory", "64m", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        self._output(["run", *options, *limits, "--entrypoint", program, image, *arguments], CREATE_SECONDS)

    def volumes(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what `docker volume inspect` prints of `names`, without those that do not exist."""
        return self._inspected("volume", names)

    def objects(self, label: str, volumes: Collection[str]) -> dict[str, list[str]]:
        """Return the names of the objects with `label` (KEY=VALUE), by kind: container, volume, network.

        Those of `volumes` that these containers use are included without a label too: docker creates a volume again
        that was removed just before its container was created. UNNAMED has the containers' unnamed volumes.
        """
        label = f"label={label}"
        listings = {
            "container": ["--all", "--no-trunc", "--format", "{{.Names}} {{.Mounts}}"],
            "volume": ["--format", "{{.Name}}"],
            "network": ["--format", "{{.Name}}"],
        }
        jobs = [partial(self._output, [kind, "ls", "--filter", label, *more]) for kind, more in listings.items()]
        found = dict(zip(listings, map(str.splitlines, run_all(jobs, len(jobs))), strict=True))
        mounts = ",".join(line.partition(" ")[2] for line in found["container"]).split(",")
        found["container"] = [line.split()[0] for line in found["container"]]
        found["volume"] += sorted(set(volumes) & set(mounts) - set(found["volume"]))
        return found | {UNNAMED: [name for name in mounts if re.fullmatch("[0-9a-f]{64}", name)]}

    def remove(self, objects: Mapping[str, Sequence[str]]) -> None:
        """Remove what `objects` returned.

        An object that is gone already, or in use by another container, is no error.
        """
        for kind, command in REMOVALS.items():
            if names := objects.get(kind, ()):
                self._remove(command, names)

    def users_of(self, kind: str, name: str) -> list[str]:
        """Return the containers that use a network or a volume."""
        return self._output(
            ["container", "ls", "--all", "--filter", f"{kind}={name}", "--format", "{{.Names}}"]
        ).split()

    def stop(self, names: Sequence[str], seconds: int) -> None:
        """Send SIGTERM to all, SIGKILL after `seconds`."""
        with self._docker(CHANGE_SECONDS) as docker:
            docker.container.stop(list(names), time=seconds)

    def kill(self, names: Sequence[str]) -> None:
        """Send SIGKILL to all."""
        self._each("kill", names)

    def pause(self, names: Sequence[str]) -> None:
        """Freeze the processes of all."""
        self._each("pause", names)

    def unpause(self, names: Sequence[str]) -> None:
        """Let the processes of all work again."""
        self._each("unpause", names)

    def disconnect(self, network: str, container: str) -> None:
        """Disconnect a container from a network."""
        self._output(["network", "disconnect", network, container], CHANGE_SECONDS)

    def connect(self, network: str, container: str, alias: str) -> None:
        """Connect a container to a network, where the others know it as `alias`."""
        self._output(["network", "connect", "--alias", alias, network, container], CHANGE_SECONDS)

    def _each(self, verb: str, names: Sequence[str]) -> None:
        if names:
            self._output(["container", verb, *names], CHANGE_SECONDS)

    def rss_bytes(self, container: str) -> int | None:
        """Return the resident memory of a container's processes in bytes; None where it just ended."""
        done = self._run(["top", container, *self._kind.memory_columns], ASK_SECONDS)
        rows = [line.split() for line in done.stdout.splitlines()[1:]]
        if done.returncode or not all(row[-1].isdecimal() for row in rows):  # busybox rounds: 378m
            return None
        return 1024 * sum(int(kibibytes) for _pid, kibibytes in rows)

    def logs(self, container: str, tail: int | None) -> str:
        """Return the newest `tail` lines of the container's log (all where None)."""
        with self._docker(ASK_SECONDS) as docker:
            return str(docker.container.logs(container, tail=tail))

    def follow_logs(self, container: str, tail: int | None) -> Iterator[str]:
        """Yield the lines of the container's log as they are written."""
        command = self.command("logs", "--follow", "--tail", "all" if tail is None else str(tail), container)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as following:
            try:
                yield from following.stdout or ()
            finally:
                following.kill()

    def end_commands(self) -> None:
        """End the docker processes with this mark: those of a labctl that was interrupted or killed go on.

        A command that creates objects may finish: the engine would create them anyway, only later. Raises RuntimeFailed
        where it does not finish.
        """
        processes.kill(processes.with_environment(MARK, self._mark))
        if running := processes.wait(processes.with_environment(CREATOR_MARK, self._mark), CREATE_SECONDS):
            pids = " ".join(str(process.pid) for process in running)
            raise RuntimeFailed(
                "docker",
                None,
                f"an earlier one still works on this lab (pid {pids})",
                f"wait, or end it (kill {pids}); then run labctl down again",
            )

    def command(self, *arguments: str) -> list[str]:
        """Return a docker command without a deadline, for a caller that has its own."""
        return [*self._call(None), *arguments]

    # -- calling -----------------------------------------------------------

    def _inspected(self, kind: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not names:
            return {}
        found = json.loads(self._about([kind, "inspect", *names]) or "[]")
        return {str(entry["Name"]).removeprefix("/"): entry for entry in found}

    def _about(self, arguments: Sequence[str]) -> str:
        """What docker prints about several objects; one that does not exist is no error."""
        done = self._run(arguments, ASK_SECONDS)
        if done.returncode and not NOT_FOUND.search(done.stderr):
            raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)
        return done.stdout

    def _info(self, form: str, seconds: float) -> str:
        printed = self._output(["info", "--format", form], seconds).strip()
        if printed in {"", "0"}:  # docker info without an engine ends with 0
            raise HostError("no Docker Engine responds", OTHER_RUNTIME, "no-engine")
        return printed

    def _remove(self, command: Sequence[str], names: Sequence[str]) -> None:
        done = self._run([*command, *names], CHANGE_SECONDS)
        lines = [line for line in done.stderr.splitlines() if line and not line.startswith("exit status")]
        if done.returncode and not (lines and all(NO_FAILURE.search(line) for line in lines)):
            raise docker_error(_pasteable(done.args), _exit_status(done.returncode), done.stderr)

    def _output(self, arguments: Sequence[str], seconds: float = ASK_SECONDS, mark: str = MARK) -> str:
        done = self._run(arguments, seconds, mark)
        if done.returncode:
            raise docker_error(_pasteable(done.args), done.returncode, done.stderr)
        return done.stdout

    def _call(self, seconds: float | None, mark: str = MARK) -> list[str]:
        if shutil.which("docker") is None:
            raise HostError(
                "there is no docker command on PATH", f"install Docker Engine and its CLI, {OTHER_RUNTIME}", "no-docker"
            )
        env = shutil.which("env") or "/usr/bin/env"
        # DOCKER_HOST has precedence over DOCKER_CONTEXT
        unset = ["-u", "DOCKER_HOST"] if self._pin.startswith("DOCKER_CONTEXT=") else []
        pin = [self._pin] if self._pin else []
        older_builder = [] if self._kind.buildkit else ["DOCKER_BUILDKIT=0"]
        return [env, *unset, f"{mark}={self._mark}", *pin, *older_builder, *_deadline(seconds), "docker"]

    def _run(self, arguments: Sequence[str], seconds: float, mark: str = MARK) -> subprocess.CompletedProcess[str]:
        command = [*self._call(seconds, mark), *arguments]
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
    """Import python_on_whales, which takes 0.17 s: call it while something else waits."""
    import python_on_whales  # noqa: F401


def parse_time(text: str) -> datetime:
    """Return a time of docker, RFC 3339 with up to nine digits of a second. Raises ValueError."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))


def _deadline(seconds: float | None) -> list[str]:
    """The start of a command that ends after `seconds`: GNU's timeout(1), which macOS and Alpine don't have."""
    if seconds is None:
        return []
    program = shutil.which("timeout")
    if program and "busybox" not in os.path.realpath(program):  # which has other options and exit codes
        return [program, "--kill-after=2", f"{seconds:.1f}"]
    return [sys.executable, "-S", "-E", str(Path(__file__).with_name("command_timeout.py")), f"{seconds:.1f}"]


def _exit_status(code: int) -> int | None:
    return None if code in {TIMED_OUT, 128 + 9} else code


def _pasteable(command: Sequence[Any]) -> str:
    """The command as a person types it, without labctl's own deadline and mark."""
    words = [str(word) for word in command]
    return shlex.join(words[words.index("docker") :] if "docker" in words else words)
