"""The local runtime beside the plain way: the format tool, the broker, an open port; nothing verified."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.timing import Case
from labctl.host import free_ports
from labctl.kafkadist.jvm import LocalKafka
from labctl.kafkadist.prepared import prepare
from labctl.runlog import Silent
from labctl.spec import default_spec
from labctl.store import new_cluster_id

LIMIT = 120  # seconds for one command
PEER = "testcontainers-java, stock-like image, one round trip"
PLAIN = "format + start + open port (pytest-kafka-broker's way)"
# what Kafka's own start scripts give a JVM (bin/kafka-run-class.sh, bin/kafka-server-start.sh)
SCRIPT_OPTIONS = (
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)


class PlainKafka:
    """Kafka as its own scripts start it, with the same jars and Java as labctl's."""

    def __init__(self, kafka: LocalKafka, folder: Path) -> None:
        self._kafka = kafka
        self._folder = folder
        self._port = 0
        self._broker: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """An empty folder and a server.properties."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._port = free_ports("127.0.0.1", 2)
        (self._folder / "server.properties").write_text(
            f"node.id=1\nprocess.roles=broker,controller\nlog.dirs={self._folder / 'data'}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._port + 1}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@127.0.0.1:{self._port + 1}\n"
            "offsets.topic.replication.factor=1\n"
        )

    def run(self) -> None:
        """Format, start, and wait for the port."""
        settings = str(self._folder / "server.properties")
        storage = self._command("-Xmx256M", self._kafka.scripts["kafka-storage.sh"])
        subprocess.run(
            [*storage, "format", "-t", new_cluster_id(), "-c", settings], check=True, capture_output=True, timeout=LIMIT
        )
        with (self._folder / "log").open("wb") as log:
            command = [*self._command("-Xmx1G", "-Xms1G", "kafka.Kafka"), settings]
            self._broker = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        give_up = time.monotonic() + LIMIT
        while time.monotonic() < give_up:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.005)
        raise TimeoutError("the broker did not open its port")

    def memory(self) -> int:
        """Bytes that the broker has resident."""
        return int(psutil.Process(self._broker.pid).memory_info().rss) if self._broker else 0

    def clean_up(self) -> None:
        """End the broker."""
        if self._broker:
            self._broker.kill()
            self._broker.wait()
            self._broker = None

    def _command(self, *rest: str) -> list[str]:
        return [
            str(self._kafka.java.executable),
            *SCRIPT_OPTIONS,
            *rest[:-1],
            "-cp",
            ":".join(self._kafka.jars),
            rest[-1],
        ]


class Labctl:
    """The command labctl with state and work folders of its own."""

    def __init__(self, folder: Path) -> None:
        self._work = folder / "work"
        self._work.mkdir(parents=True, exist_ok=True)
        self._environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def spec(self, text: str, name: str = "lab.yaml") -> None:
        """Write a lab.yaml."""
        (self._work / name).write_text(text)

    def memory(self, *arguments: str) -> int:
        """Bytes that the nodes of the lab have resident."""
        return sum(node["memory"] for node in self.status(*arguments)["nodes"])

    def status(self, *arguments: str) -> dict[str, Any]:
        """What `labctl status --json` tells."""
        return dict(json.loads(self("status", "--json", *arguments)))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it, beside others."""
        command = [sys.executable, "-m", "labctl", *arguments]
        return subprocess.Popen(
            command, cwd=self._work, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __call__(self, *arguments: str) -> str:
        """Run it to its end; what it printed. Raises where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *arguments],
            cwd=self._work,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"labctl {' '.join(arguments)}: {done.stderr}{done.stdout}")
        return done.stdout

    def timed(self, *arguments: str) -> None:
        """Run it to its end."""
        self(*arguments)


def local_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """`up`, `down` and the quick commands beside the plain way; `at_end` takes away what a failed case left."""
    plain = PlainKafka(prepare(default_spec().kafka.version, Silent()), folder / "plain")
    labctl = Labctl(folder)
    at_end.callback(labctl, "down", "--all")
    labctl.spec("ui: {kind: none}\n")
    labctl.spec("name: paged\nui: {kind: page}\n", "page.yaml")
    paged = ("-f", "page.yaml")
    up = ("up", "--runtime", "local", "--ports", "auto", "--checks")
    name = "labctl up --checks quick"
    return [
        Case(PLAIN, plain.run, plain.prepare, plain.clean_up, memory=plain.memory),
        Case(
            name,
            partial(labctl.timed, *up, "quick"),
            clean_up=partial(labctl.timed, "down"),
            peer=PLAIN,
            second_peer=PEER,
            goals={"ratio": 0.55, "second ratio": 0.6, "s": 2.0, "MiB": 350},
            memory=labctl.memory,
        ),
        Case(
            f"{name}, with the lab page",
            partial(labctl.timed, *up, "quick", *paged),
            clean_up=partial(labctl.timed, "down", *paged),
            peer=name,
            goals={"s more": 0.1},
        ),
        Case("labctl up --checks none", partial(labctl.timed, *up, "none"), peer=PLAIN),
        Case("labctl reset", partial(labctl.timed, "reset"), goals={"s": 0.3}),
        Case("labctl down", partial(labctl.timed, "down"), goals={"s": 1}),
        Case("labctl --help", partial(labctl.timed, "--help"), goals={"s": 0.1}),
        Case("labctl --version", partial(labctl.timed, "--version"), goals={"s": 0.1}),
        Case("labctl plan", partial(labctl.timed, "plan"), goals={"s": 0.3}),
        Case("labctl render -o -", partial(labctl.timed, "render", "-o", "-"), goals={"s": 0.3}),
    ]
