"""A separate Docker Engine that tests may stop, kill and fill up."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.integration.polling import wait_for

STOP_SECONDS = 40
POOL = "--default-address-pool=base=10.213.0.0/22,size=24"  # four networks, one of them the default bridge
DISK = "2g"


class OwnEngine:
    """A dockerd with its own folders and network namespace: in one namespace two remove each other's bridges and rules.

    `around` is a command that runs another one in that namespace, where the published ports are.
    """

    def __init__(self, folder):
        self._folder = folder
        self._daemon = None
        self.around = ["nsenter", f"--net=/run/netns/{folder.name}"]
        self.data = folder / "data-root"
        self.host = f"unix://{folder}/docker.sock"
        self.env = {key: value for key, value in os.environ.items() if key != "DOCKER_CONTEXT"}
        self.env["DOCKER_HOST"] = self.host

    def create(self):
        """Create its disk, its network namespace and an iptables command that can be slow."""
        self.data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.data)], check=True)
        subprocess.run(["ip", "netns", "add", self._folder.name], check=True)
        subprocess.run([*self.around, "ip", "link", "set", "lo", "up"], check=True)
        firewall = self._folder / "bin" / "iptables"
        firewall.parent.mkdir()
        delay = self._folder / "delay"
        real = shutil.which("iptables")
        firewall.write_text(f'#!/bin/sh\n[ ! -e {delay} ] || sleep "$(cat {delay})"\nexec {real} "$@"\n')
        firewall.chmod(0o755)

    def start(self):
        """Start it and wait until it responds."""
        folders = [f"--{name}={self._folder / name}" for name in ("data-root", "exec-root", "pidfile")]
        with (self._folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [*self.around, "dockerd", f"--host={self.host}", POOL, *folders],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PATH": f"{self._folder}/bin:{os.environ['PATH']}"},
            )
        wait_for(lambda: self._daemon.poll() is not None or "containerd" in self.docker("version", check=False))
        assert self._daemon.poll() is None, self.log()

    def stop(self, number=signal.SIGTERM):
        """Stop it with its containers, as a service manager does. With SIGKILL its containers keep running."""
        self._daemon.send_signal(number)
        self._daemon.wait(STOP_SECONDS)

    def restart(self, number=signal.SIGTERM):
        """Stop it and start it again."""
        self.stop(number)
        self.start()

    @contextlib.contextmanager
    def slow(self, seconds):
        """Make each firewall rule take that many seconds. A network has a dozen rules."""
        delay = self._folder / "delay"
        delay.write_text(f"{seconds}\n")
        try:
            yield
        finally:
            delay.unlink()

    def load(self, image):
        """Copy an image from the other engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "load", "--quiet"], stdin=saved.stdout, env=self.env, timeout=120, check=True)
        assert saved.returncode == 0

    def docker(self, *arguments, check=True):
        """Run a docker command on this engine and return its output."""
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=60, check=False, env=self.env
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def names(self):
        """Return the names of its containers, volumes and networks, without the engine's default networks."""
        lines = [self.docker("ps", "--all", "--format", "{{.Names}}")]
        lines += [self.docker(kind, "ls", "--format", "{{.Name}}") for kind in ("volume", "network")]
        return set(" ".join(lines).split()) - {"bridge", "host", "none"}

    def log(self):
        """Return the end of its log."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]

    def end(self):
        """Stop it and remove everything that it has."""
        if self._daemon.poll() is not None:
            self.start()
        if containers := self.docker("ps", "--all", "--quiet").split():
            self.docker("rm", "--force", "--volumes", *containers)
        if networks := self.docker("network", "ls", "--quiet", "--filter", "type=custom").split():
            self.docker("network", "rm", *networks)
        self.stop()
        subprocess.run(["ip", "netns", "delete", self._folder.name], check=True)
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (mount_point := line.split()[1]).startswith(f"{self._folder}/"):
                subprocess.run(["umount", "--lazy", mount_point], check=True)
        assert not [
            process.info["cmdline"]
            for process in psutil.process_iter(["cmdline"])
            if self._is_of(process.info["cmdline"])
        ]

    def _is_of(self, command):
        return any(str(self._folder) in argument for argument in command or ())


@contextlib.contextmanager
def own_engine(*images):
    """Yield a running engine with `images` of the other engine. Skip where this user can't start one."""
    if os.getuid() != 0 or not shutil.which("dockerd") or not shutil.which("ip"):
        pytest.skip("a separate engine needs root, dockerd and ip")
    folder = Path(tempfile.mkdtemp(prefix="engine-"))  # a socket's path has 107 characters at most
    engine = OwnEngine(folder)
    engine.create()
    try:
        engine.start()
        for image in images:
            engine.load(image)
        yield engine
    finally:
        engine.end()
        shutil.rmtree(folder)
