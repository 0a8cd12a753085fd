"""The compose runtime, and the same homework as shell commands: compose up, topic, producer, consumer."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.images import own_image, stock_like_image
from bench.labctl import Labctl
from bench.local import PEER
from bench.plain import LIMIT
from bench.testcontainers import Testcontainers, can_be_built
from bench.timing import Case
from labctl.system.ports import free_ports

STOCK_RATIO = 0.4  # `labctl up` beside the homework typed, on an image that behaves like apache/kafka
TYPED = "homework typed, stock-like image"
COMPOSE_FILE = Path(__file__).with_name("homework.yml")
TOOLS = "/opt/kafka/bin"
ORDERS = ("--bootstrap-server", "localhost:9092", "--topic", "orders")


class TypedHomework:
    """The commands of the homework, one after another."""

    def __init__(self, image: str) -> None:
        port = str(free_ports("127.0.0.1", 1))
        self._environment = {**os.environ, "IMAGE": image, "PORT": port}

    def run(self) -> None:
        """Start the broker, create a topic, write two records and read them."""
        self._docker("compose", "-f", str(COMPOSE_FILE), "up", "--detach", "--wait", "--quiet-pull")
        tool = ("exec", "-i", "labctl-bench-broker")
        self._docker(*tool, f"{TOOLS}/kafka-topics.sh", "--create", *ORDERS, "--partitions", "3")
        records = b'{"orderid":1001,"amount":599.99}\n{"orderid":1002,"amount":300}\n'
        self._docker(*tool, f"{TOOLS}/kafka-console-producer.sh", *ORDERS, stdin=records)
        consumer = (f"{TOOLS}/kafka-console-consumer.sh", *ORDERS, "--from-beginning", "--max-messages", "2")
        read = self._docker(*tool, *consumer)
        if sorted(read) != sorted(records):
            raise RuntimeError(f"the consumer read {read!r}")

    def clean_up(self) -> None:
        """Remove everything."""
        self._docker("compose", "-f", str(COMPOSE_FILE), "down", "--volumes", "--timeout", "1")

    def _docker(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["docker", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=LIMIT, check=True, env=self._environment
        )
        return done.stdout


def compose_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases: `up` and `down` on both images, and the typed homework; `at_end` removes failed labs.

    Raises UnavailableError.
    """
    stock_like = stock_like_image()
    typed = TypedHomework(stock_like)
    cases = [Case(TYPED, typed.run, clean_up=typed.clean_up)]
    if can_be_built():
        cases.append(Case(PEER, Testcontainers(folder / "testcontainers", stock_like).run))
    for image, name, ratio in ((stock_like, "stock-like image", STOCK_RATIO), (own_image(), "own image", 0.25)):
        labctl = Labctl(folder / name.replace(" ", "-"))
        at_end.callback(labctl, "down", "--all")
        labctl.spec(f"kafka: {{image: {image}}}\nui: {{kind: none}}\n")
        up = ("up", "--runtime", "compose", "--name", name.partition(" ")[0], "--ports", "auto", "--checks", "quick")
        down = ("down", "--name", name.partition(" ")[0])
        cases += [
            Case(
                f"labctl up, {name}",
                partial(labctl.timed, *up),
                peer=TYPED,
                goals={"ratio": ratio},
                memory=partial(labctl.memory, *down[1:]),
            ),
            Case(f"labctl down, {name}", partial(labctl.timed, *down), goals={"s": 1}),
        ]
    return cases
