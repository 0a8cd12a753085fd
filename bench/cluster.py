"""Three nodes: labctl's verified cluster, and `compose up` of a hand-written file until a client finds 3 brokers."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.images import stock_like_image
from bench.labctl import Labctl
from bench.plain import LIMIT
from bench.timing import Case
from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient
from labctl.system.ports import free_ports
from labctl.system.waiting import Deadline, NotReady, wait_until

TYPED = "3 nodes typed, stock-like image"
COMPOSE_FILE = Path(__file__).with_name("cluster.yml")
NODES = 3


class TypedCluster:
    """docker compose up, and a client that waits until all brokers are registered: nothing is verified."""

    def __init__(self, image: str) -> None:
        first = free_ports("127.0.0.1", NODES)
        ports = {f"PORT{number + 1}": str(first + number) for number in range(NODES)}
        self._environment = {**os.environ, "IMAGE": image, **ports}
        self._bootstrap = f"127.0.0.1:{first}"

    def run(self) -> None:
        """Start the cluster, and wait until a client finds three brokers."""
        self._compose("up", "--detach", "--quiet-pull")
        with KafkaClient(self._bootstrap, connect=1) as client:

            def require_all_brokers() -> None:
                try:
                    endpoints = client.broker_endpoints()
                except KafkaFailed as error:
                    client.close()
                    raise NotReady(error.message) from error
                if len(endpoints) < NODES:
                    raise NotReady(f"{len(endpoints)} brokers")

            wait_until(require_all_brokers, what=f"{NODES} brokers", deadline=Deadline.after(LIMIT))

    def clean_up(self) -> None:
        """Remove everything."""
        self._compose("down", "--volumes", "--timeout", "0")

    def _compose(self, *arguments: str) -> None:
        command = ["docker", "compose", "-f", str(COMPOSE_FILE), *arguments]
        subprocess.run(command, capture_output=True, timeout=LIMIT, check=True, env=self._environment)


def cluster_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases: a lab of three nodes in the local runtime, and the hand-written cluster.

    Raises UnavailableError.
    """
    typed = TypedCluster(stock_like_image())
    labctl = Labctl(folder / "cluster")
    at_end.callback(labctl, "down", "--all")
    labctl.spec("kafka: {brokers: 3}\nui: {kind: none}\n")
    name = ("--name", "three")
    up = ("up", "--runtime", "local", *name, "--ports", "auto", "--checks", "quick")
    return [
        Case(TYPED, typed.run, clean_up=typed.clean_up),
        Case(
            "labctl up, 3 nodes, local",
            partial(labctl.timed, *up),
            peer=TYPED,
            goals={"ratio": 0.55},
            memory=partial(labctl.memory, *name),
        ),
        Case("labctl down, 3 nodes, local", partial(labctl.timed, "down", *name), goals={"s": 0.5}),
    ]
