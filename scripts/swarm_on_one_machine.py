"""A Docker Swarm of several engines on this machine: for tests of the runtime `swarm`, and to try it out.

    python -m scripts.swarm_on_one_machine up 3 [--image labctl/kafka:4.4.0]
    python -m scripts.swarm_on_one_machine down

Each engine has a network namespace, a host name, an address (10.77.0.11 and so on) and a folder of its own. This
machine has 10.77.0.1 on the same network. `up` prints the environment variables with which docker reaches the first
engine, the swarm's manager. The images are taken from the engine that docker reaches without them. Needs Linux, root,
iproute2, and dockerd on PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from labctl.system.parallel import run_all

FOLDER = Path(os.environ.get("LABCTL_SWARM_FOLDER", "/var/lib/labctl-swarm"))
RUN = Path("/run/labctl-swarm")  # short: the path of a socket has 107 bytes at most
NETWORK = "10.77.0"
BRIDGE = "labctl-sw0"  # a namespace with the bridge alone: this machine's own firewall would drop what it forwards
CABLE = "labctl-sw"  # this machine's end
START_SECONDS = 60.0
STOP_SECONDS = 20.0
OWN_NETWORKS = {"bridge", "host", "none", "docker_gwbridge", "ingress"}
NEEDED = ("dockerd", "docker", "ip", "nsenter", "unshare")


@dataclass(frozen=True)
class Machine:
    """One engine of the swarm as if it had a machine of its own, counted from 1."""

    number: int

    @property
    def name(self) -> str:
        """Its host name, and that of its network namespace."""
        return f"labctl-sw{self.number}"

    @property
    def address(self) -> str:
        """Its address on the common network."""
        return f"{NETWORK}.{10 + self.number}"

    @property
    def folder(self) -> Path:
        """Where its images, volumes and log are."""
        return FOLDER / self.name

    @property
    def url(self) -> str:
        """DOCKER_HOST of its engine."""
        return f"unix://{RUN / self.name}.sock"

    @property
    def pid_file(self) -> Path:
        """The file with the pid of its dockerd."""
        return RUN / f"{self.name}.pid"

    def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run docker on its engine, and return its output. Raises CalledProcessError."""
        return _output(["docker", "-H", self.url, *arguments], stdin)

    def process(self) -> psutil.Process | None:
        """Return its dockerd; None where it does not run."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(self.pid_file.read_text()))
            if process.name() == "dockerd" and str(RUN) in " ".join(process.cmdline()):
                return process
        return None

    def start(self) -> None:
        """Start its engine, and wait until it responds. Raises TimeoutError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = (
            f"--data-root {self.folder}/data --exec-root {RUN}/{self.name} --pidfile {self.pid_file} -H {self.url}"
        )
        own_host = ["nsenter", f"--net=/run/netns/{self.name}", "unshare", "--uts"]
        with (self.folder / "dockerd.log").open("ab") as log:
            subprocess.Popen(
                [*own_host, "sh", "-c", f"hostname {self.name}; exec dockerd {options}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.docker("version", "--format", "{{.Server.Version}}")
                return
            time.sleep(0.1)
        raise TimeoutError(f"the engine of {self.name} does not respond: {self.folder}/dockerd.log")

    def cut(self) -> None:
        """Unplug it from the network."""
        _ip("-n", BRIDGE, "link", "set", f"port{self.number}", "down")

    def plug(self) -> None:
        """Connect it to the network again."""
        _ip("-n", BRIDGE, "link", "set", f"port{self.number}", "up")

    def kill_engine(self) -> None:
        """Kill dockerd alone: its containers run on."""
        if process := self.process():
            process.kill()
            psutil.wait_procs([process], STOP_SECONDS)

    def power_off(self) -> None:
        """End everything that runs on it at once."""
        with contextlib.suppress(psutil.Error):
            _end(_in_namespace(self.name), signal.SIGKILL)
        self._clear()

    def _clear(self) -> None:
        """Remove what killed engines leave: mounts, which keep folders, and pid files, which name other processes."""
        places = (str(RUN / self.name), str(self.folder))
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(places)), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(RUN / self.name, ignore_errors=True)
        self.pid_file.unlink(missing_ok=True)
        Path(self.url.removeprefix("unix://")).unlink(missing_ok=True)

    def remove(self) -> None:
        """End its engine, and remove everything of it."""
        if process := self.process():
            _end([process], signal.SIGTERM)
        self.power_off()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def missing() -> str:
    """Return why this machine can have no swarm of several engines; "" where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    lacking = [program for program in NEEDED if shutil.which(program) is None]
    return f"not on PATH: {', '.join(lacking)}" if lacking else ""


def swarm_nodes() -> list[Machine]:
    """Return the nodes that exist, in their order."""
    return [node for node in map(Machine, range(1, 90)) if Path("/run/netns", node.name).exists()]


def up(count: int, images: Sequence[str]) -> list[Machine]:
    """Create a swarm of `count` nodes, the first its manager, that have the images; return its nodes.

    An earlier one is removed first. Raises CalledProcessError, TimeoutError.
    """
    nodes = start_machines(count, images)
    manager, *workers = nodes
    manager.docker("swarm", "init", "--advertise-addr", manager.address, "--listen-addr", manager.address)
    for node in workers:
        join = ("swarm", "join", "--token", worker_token(manager), "--advertise-addr", node.address)
        node.docker(*join, "--listen-addr", node.address, manager.address)
    label_engines(nodes)
    return nodes


def start_machines(count: int, images: Sequence[str]) -> list[Machine]:
    """Create `count` machines with an engine each, in no swarm, that have the images. As `up` otherwise."""
    down()
    nodes = [Machine(number) for number in range(1, count + 1)]
    _make_network(nodes)
    run_all([node.start for node in nodes], count)
    for image in images:
        archive = subprocess.run(["docker", "save", image], check=True, capture_output=True).stdout
        run_all([partial(node.docker, "load", "--quiet", stdin=archive) for node in nodes], count)
    return nodes


def worker_token(manager: Machine) -> str:
    """Return the word with which a worker joins the swarm of a manager."""
    return manager.docker("swarm", "join-token", "--quiet", "worker").strip()


def label_engines(nodes: Sequence[Machine]) -> None:
    """Tell the swarm, whose manager is the first node, how labctl reaches the engine of each: by its socket."""
    for node in nodes:
        nodes[0].docker("node", "update", "--label-add", f"labctl.engine={node.url}", node.name)


def objects(nodes: Sequence[Machine]) -> set[tuple[str, str, str]]:
    """Return what each engine has beside its own networks, as it prints it: {(node, kind, name)}."""
    found = set()
    for number, node in enumerate(nodes):
        kinds = ("container", "volume", "network", *(("service", "config", "secret") if number == 0 else ()))
        for kind in kinds:
            every = ["--all"] if kind == "container" else []
            form = "{{.Names}}" if kind == "container" else "{{.Name}}"
            found |= {(node.name, kind, name) for name in node.docker(kind, "ls", *every, "--format", form).split()}
    return {each for each in found if each[1] != "network" or each[2] not in OWN_NETWORKS}


def down() -> None:
    """Remove the swarm: engines, their data, namespaces and cables."""
    nodes = swarm_nodes()
    run_all([node.remove for node in nodes], max(1, len(nodes)))
    subprocess.run(["ip", "link", "del", CABLE], check=False, capture_output=True)
    subprocess.run(["ip", "netns", "del", BRIDGE], check=False, capture_output=True)
    for folder in (RUN, FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def _make_network(nodes: Sequence[Machine]) -> None:
    RUN.mkdir(mode=0o700, exist_ok=True)
    _ip("netns", "add", BRIDGE)
    _ip("-n", BRIDGE, "link", "add", "bridge", "type", "bridge")
    _ip("-n", BRIDGE, "link", "set", "bridge", "up")
    _ip("link", "add", CABLE, "type", "veth", "peer", "name", "port0", "netns", BRIDGE)
    _ip("addr", "add", f"{NETWORK}.1/24", "dev", CABLE)
    _ip("link", "set", CABLE, "up")
    for node in nodes:
        _ip("netns", "add", node.name)
        cable = ("type", "veth", "peer", "name", f"port{node.number}", "netns", BRIDGE)
        _ip("link", "add", "eth0", "netns", node.name, *cable)
        _ip("-n", node.name, "addr", "add", f"{node.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", node.name, "link", "set", device, "up")
    for number in range(len(nodes) + 1):
        _ip("-n", BRIDGE, "link", "set", f"port{number}", "master", "bridge")
        _ip("-n", BRIDGE, "link", "set", f"port{number}", "up")


def _in_namespace(name: str) -> list[psutil.Process]:
    """The engine of a node, its containers and what belongs to them."""
    own = [str(RUN / name), str(FOLDER / name)]
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() in {"dockerd", "containerd", "containerd-shim-runc-v2"} and any(
                place in word for word in process.cmdline() for place in own
            ):
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return list(found.values())


def _end(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    psutil.wait_procs(processes, STOP_SECONDS)


def _ip(*arguments: str) -> None:
    _output(["ip", *arguments])


def _output(command: Sequence[str], stdin: bytes | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, input=stdin).stdout.decode()


def main() -> None:
    """Bring the swarm up, or remove it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    upper = commands.add_parser("up")
    upper.add_argument("count", type=int)
    upper.add_argument("--image", action="append", default=[], dest="images")
    commands.add_parser("down")
    options = parser.parse_args()
    if options.command == "down":
        down()
        return
    if why := missing():
        raise SystemExit(why)
    nodes = up(options.count, options.images)
    print(f"export DOCKER_HOST={nodes[0].url}")
    print(json.dumps({node.name: node.address for node in nodes}), file=sys.stderr)


if __name__ == "__main__":
    main()
