"""The lab that is attacked: one preset in one runtime, and what runs and exists of it. Does not import labctl."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.integration import snapshot
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, Labctl, make_labctl

NAME = "chaos"
RUNTIMES = ("local", "compose")


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of lab, and how many of the labs are of this kind."""

    share: int
    brokers: int = 1
    controllers: str = "combined"
    protocol: str = "plaintext"


PRESETS = {
    "homework": Preset(3),
    "cluster": Preset(2, brokers=3),
    "secure": Preset(2, protocol="sasl_ssl"),
    "isolated": Preset(1, brokers=3, controllers="3"),
}
SHARES = sum(preset.share for preset in PRESETS.values())
LATE_SECONDS = 10.0  # for what the engine ends a moment later


class Lab:
    """The lab of one folder and runtime. Each `set_up` gives it another preset."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.runtime = runtime
        self.preset = ""
        self._folder = folder
        self.labctl: Labctl = make_labctl(folder)
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        if os.environ.get("DOCKER_HOST"):
            self.labctl.env["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
        else:
            self.labctl.env.pop("DOCKER_HOST")  # the engine of this machine
        self.labctl.env["TMPDIR"] = str(self._temporary)
        # a run in the background ignores them; Python in place of env(1) would lose those that come while it starts
        self.labctl.around = ["env", "--default-signal=HUP,INT"]

    def set_up(self, preset: str) -> None:
        """Write its lab.yaml."""
        self.preset = preset
        wanted = PRESETS[preset]
        users = ", users: [{name: student}]" if wanted.protocol != "plaintext" else ""
        copies = "{min.insync.replicas: 2}" if wanted.brokers > 1 else "{}"
        nodes = f"brokers: {wanted.brokers}, controllers: {wanted.controllers}"
        topics = "".join(
            f"  - {{name: {name}, partitions: 3, replication_factor: {wanted.brokers}, config: {copies}}}\n"
            for name in ("orders", "accounted")
        )
        self.labctl.spec(
            f"name: {NAME}\nruntime: {self.runtime}\n"
            f"kafka: {{{nodes}, heap: 256m, image: {OWN_IMAGE}}}\n"
            "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: quick\n"
            f"security: {{protocol: {wanted.protocol}{users}}}\ntopics:\n{topics}"
        )
        (self.labctl.folder / "compose.yaml").write_text("services: {kafka: {image: apache/kafka}}\n")

    def login(self) -> dict[str, str]:
        """Return librdkafka's settings for a client."""
        lines = self.labctl.run("env", "--format", "librdkafka", check=True).stdout.splitlines()
        pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
        return {key.strip(): value.strip() for key, value in pairs}

    @property
    def nodes(self) -> list[str]:
        """The names of its nodes, as lab.yaml gives them."""
        preset = PRESETS[self.preset]
        if preset.brokers == 1:
            return ["broker"]
        names = [f"broker-{number}" for number in range(1, preset.brokers + 1)]
        return names if preset.controllers == "combined" else [f"controller-{number}" for number in (1, 2, 3)] + names

    def end_node(self, node: str, how: str) -> bool:
        """End a node from outside of labctl, and return whether it ran."""
        if self.runtime == "compose":
            return self._end_container(node, how)
        process = next((found for found in psutil.process_iter() if self._is_node(found, node)), None)
        if process is None:
            return False
        process.send_signal({"kill": signal.SIGKILL}.get(how, signal.SIGTERM))
        return True

    def lose_record(self, how: str) -> None:
        """Remove lab.json beside the running nodes, or cut it off."""
        for record in (self.labctl.state / "labs").glob(f"{NAME}*/lab.json"):
            record.unlink() if how == "removed" else record.write_text(record.read_text()[:40])

    def observed(self) -> snapshot.Snapshot:
        """Return what there is of this folder's labctl, and of the engine."""
        folders = [self.labctl.state, self._temporary]
        found: snapshot.Snapshot = snapshot.take(*folders, within=self._folder, engine=self.runtime == "compose")
        return found

    def left_since(self, before: snapshot.Snapshot) -> dict[str, list]:
        """Return what there is now that was not there before."""
        give_up = time.monotonic() + LATE_SECONDS
        while True:
            left: dict[str, list] = self.observed().new_since(before)
            if not left or time.monotonic() > give_up:
                return left
            time.sleep(0.2)

    def _is_node(self, process: psutil.Process, node: str) -> bool:
        try:
            command = process.cmdline()
        except psutil.Error:
            return False
        mine = any(str(self.labctl.state) in part for part in command)
        return mine and bool(command) and command[-1].endswith(f"/{node}/server.properties")

    def _end_container(self, node: str, how: str) -> bool:
        ways = {
            "kill": ["kill"],
            "stop": ["stop", "--time", "10"],
            "restart": ["restart"],
            "term": ["kill", "-s", "TERM"],
        }
        container = f"{NAME}-{node}"
        if container not in docker("ps", "--format", "{{.Names}}").split():
            return False
        docker(*ways[how], container)
        return True
