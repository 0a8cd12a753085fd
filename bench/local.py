"""The local runtime, and Kafka as its own scripts start it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path

from bench.labctl import Labctl
from bench.page import page_cases
from bench.plain import PlainKafka
from bench.timing import Case
from labctl.lab.reporter import NullReporter
from labctl.lint.complete import COMPLETE
from labctl.runtime.jvm.cache import prepare
from labctl.spec.model import default_spec

PEER = "testcontainers-java, stock-like image, one round trip"
PLAIN = "Kafka's scripts: format + start + open port"
BARE = "the same without log4j2, JMX and the collector's log"

MOMENTS = (0.5, 1.0, 1.5, 2.0)  # seconds: while the broker starts, while topics are created, while the checks run


def local_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases: `up`, `down`, the quick commands, and plain Kafka; `at_end` removes labs of failed cases."""
    kafka = prepare(default_spec().kafka.version, NullReporter())
    plain, bare = PlainKafka(kafka, folder / "plain"), PlainKafka(kafka, folder / "bare", bare=True)
    labctl = Labctl(folder)
    at_end.callback(labctl, "down", "--all")
    labctl.spec("ui: {kind: none}\n")
    labctl.spec(_large_compose_file(), "docker-compose.yml")
    up = ("up", "--runtime", "local", "--ports", "auto", "--checks")
    quick = "labctl up --checks quick"
    return [
        Case(PLAIN, plain.run, plain.prepare, plain.clean_up, memory=plain.memory),
        Case(BARE, bare.run, bare.prepare, bare.clean_up, memory=bare.memory, peer=PLAIN),
        Case(
            quick,
            partial(labctl.timed, *up, "quick"),
            clean_up=partial(labctl.timed, "down"),
            peer=PLAIN,
            second_peer=PEER,
            goals={"ratio": 0.55, "second ratio": 0.4, "s": 2.0, "MiB": 250},
            memory=labctl.memory,
        ),
        *page_cases(folder, at_end, quick),
        Case("labctl up --checks none", partial(labctl.timed, *up, "none"), peer=PLAIN),
        Case("labctl reset", partial(labctl.timed, "reset"), goals={"s": 0.5}),
        Case("the same inside a program", labctl.reset_inside, goals={"s": 0.1}),
        Case("labctl down", partial(labctl.timed, "down"), goals={"s": 0.5}),
        Case(
            "Ctrl-C in the middle of labctl up: until everything is removed",
            partial(labctl.interrupted, cycle(MOMENTS), *up, "full"),
            goals={"s": 5},
        ),
        Case("labctl --help", partial(labctl.timed, "--help"), goals={"s": 0.1}),
        Case("labctl --version", partial(labctl.timed, "--version"), goals={"s": 0.1}),
        Case("labctl plan", partial(labctl.timed, "plan"), goals={"s": 0.3}),
        Case("labctl render -o -", partial(labctl.timed, "render", "-o", "-"), goals={"s": 0.3}),
        Case("labctl lint, 500 lines", partial(labctl.timed, "lint", "docker-compose.yml"), goals={"s": 0.5}),
    ]


def _large_compose_file() -> str:
    """A Compose file of 500 lines without a fault: a quorum of 27 nodes."""
    head, _, node = COMPLETE.partition("  broker:\n")
    count = 27
    voters = ",".join(f"{number}@broker{number}:9093" for number in range(1, count + 1))
    changes = {"NODE_ID: 1": "NODE_ID: {0}", "1@broker:9093": voters, "//broker:": "//broker{0}:"}
    changes |= {"127.0.0.1:19094": "127.0.0.1:{1}", "localhost:19094": "localhost:{1}"}
    for old, new in changes.items():
        node = node.replace(old, new)
    return head + "".join(f"  broker{n}:\n{node.format(n, 19100 + n)}" for n in range(1, count + 1))
