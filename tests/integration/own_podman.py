"""A Podman service of the tests' own: a socket, storage and networks in a folder."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from tests.integration.polling import wait_for

LIMITS = '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'  # this shell may allow no more
STOP_SECONDS = 20


class OwnPodman:
    """`podman system service`. Docker's command uses it in the environment `env`."""

    def __init__(self, folder, oci_runtime):
        self._folder = folder
        self._service = None
        self.host = f"unix://{folder}/podman.sock"
        self.env = {key: value for key, value in os.environ.items() if key != "DOCKER_CONTEXT"}
        self.env |= {"DOCKER_HOST": self.host, "CONTAINERS_CONF": str(folder / "containers.conf")}
        folders = {"--root": "root", "--runroot": "run", "--tmpdir": "tmp", "--network-config-dir": "networks"}
        self._podman = ["podman", "--runtime", oci_runtime, "--cgroup-manager", "cgroupfs"]
        self._podman += [word for option, name in folders.items() for word in (option, str(folder / name))]

    def start(self):
        """Start it and wait until it responds."""
        (self._folder / "containers.conf").write_text(LIMITS)
        with (self._folder / "log").open("ab") as log:
            self._service = subprocess.Popen(
                [*self._podman, "system", "service", "--time", "0", self.host],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._folder,  # where conmon writes a file called oom
                env=self.env,
            )
        wait_for(lambda: self._service.poll() is not None or "Podman" in self.docker("version", check=False))
        assert self._service.poll() is None, (self._folder / "log").read_text()[-3000:]

    def load(self, image):
        """Copy an image from the Docker Engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "load", "--quiet"], stdin=saved.stdout, env=self.env, timeout=120, check=True)
        assert saved.returncode == 0

    def docker(self, *arguments, check=True, input=None):
        """Run a docker command on it and return its output."""
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=100, check=False, env=self.env, input=input
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def names(self):
        """Return the names of its containers, volumes and networks, without its default network."""
        lines = [self.docker("ps", "--all", "--format", "{{.Names}}")]
        lines += [self.docker(kind, "ls", "--format", "{{.Name}}") for kind in ("volume", "network")]
        return set(" ".join(lines).split()) - {"bridge", "podman"}

    def end(self):
        """Stop it and remove everything that it has."""
        if self._service and self._service.poll() is None:
            if containers := self.docker("ps", "--all", "--quiet").split():
                self.docker("rm", "--force", "--volumes", *containers)
            self.docker("network", "prune", "--force")
            self._service.send_signal(signal.SIGTERM)
            self._service.wait(STOP_SECONDS)
        for process in psutil.process_iter(["cmdline"]):  # it keeps what started a program in a container for minutes
            if any(str(self._folder) in word for word in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (mount_point := line.split()[1]).startswith(f"{self._folder}/"):
                subprocess.run(["umount", "--lazy", mount_point], check=True)


def missing_of_podman():
    """Return why the tests can't run a Podman service here; "" where they can."""
    if os.getuid() != 0:
        return "the tests' own Podman service needs root"
    if not shutil.which("podman"):
        return "there is no podman command"
    if not shutil.which("docker"):
        return "there is no docker command, by which labctl uses Podman's service"
    return "" if _oci_runtime() else "there is neither runc nor crun, with which Podman starts a container"


def _oci_runtime():
    return shutil.which("runc") or shutil.which("crun")


@contextlib.contextmanager
def own_podman():
    """Yield a running Podman service without images."""
    folder = Path(tempfile.mkdtemp(prefix="podman-"))  # a socket's path has 107 characters at most
    podman = OwnPodman(folder, _oci_runtime())
    try:
        podman.start()
        yield podman
    finally:
        podman.end()
        shutil.rmtree(folder)
