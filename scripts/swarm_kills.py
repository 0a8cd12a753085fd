"""Kill labctl at random moments of `up` and `down` on a swarm: writes a part of docs/swarm.md.

    python -m scripts.swarm_kills [--kills 30]

After each kill `labctl down` runs, and each engine of the swarm is asked what it still has. It needs what
scripts/swarm_on_one_machine.py needs, and the image in the engine that docker reaches.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.labctl import Labctl
from scripts.swarm_on_one_machine import Machine, down, missing, objects, up
from scripts.swarm_page import write_part

IMAGE = "labctl/kafka:4.4.0"
SEED = 20261128
LATE_SECONDS = 5.0  # for what the engines do after the kill
LAB = """\
name: kills
runtime: swarm
kafka: {brokers: 3, image: labctl/kafka}
listeners: {external: {port: auto}}
security: {protocol: sasl_ssl}
ui: {kind: none}
checks: none
topics: [{name: orders, partitions: 3}]
"""


@dataclass(frozen=True)
class Kill:
    """One kill, so many seconds into a command: what there was then on the engines, and after `labctl down`."""

    command: str
    after: float
    existed: Counter[str]  # by kind
    left: set[tuple[str, str, str]]


def kill(labctl: Labctl, machines: list[Machine], command: str, after: float) -> Kill:
    """Start a command of labctl, kill it, and run `labctl down`."""
    process = labctl.start(command)
    time.sleep(after)
    process.kill()
    process.wait()
    existed = Counter(kind for _machine, kind, _name in objects(machines))
    labctl("down")
    left = objects(machines)
    time.sleep(LATE_SECONDS)
    return Kill(command, after, existed, left | objects(machines))


def kills(labctl: Labctl, machines: list[Machine], number: int) -> list[Kill]:
    """Kill each of `up` and `down` so many times in turn, at random moments of the time that it takes."""
    chance = random.Random(SEED)
    lasts = {command: timed(labctl, command) for command in ("up", "down")}
    done = []
    for turn in range(number):
        command = ("up", "down")[turn % 2]
        if command == "down":
            labctl("up")
        done.append(kill(labctl, machines, command, chance.random() * lasts[command]))
        print(done[-1], file=sys.stderr, flush=True)
    return done


def timed(labctl: Labctl, command: str) -> float:
    """Return the seconds that a command takes that is not killed."""
    began = time.monotonic()
    labctl(command)
    return time.monotonic() - began


def as_text(done: list[Kill]) -> str:
    """Return the kills as Markdown."""
    rows = [
        f"| {number} | {each.command} | {each.after:.2f} s "
        f"| {', '.join(f'{count} {kind}' for kind, count in sorted(each.existed.items())) or 'nothing'} "
        f"| {', '.join(map(' '.join, sorted(each.left))) or 'nothing'} |"
        for number, each in enumerate(done, 1)
    ]
    left = sum(bool(each.left) for each in done)
    head = f"{len(done)} processes of labctl were killed (seed {SEED}); after `down` something was left {left} times."
    return "\n".join(
        [
            head,
            "",
            "| # | killed | after | existed then | left after `down` |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def main() -> None:
    """Run the kills, and write the part of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    options = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    machines = up(3, [IMAGE])
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DOCKER_HOST"] = machines[0].url
            labctl = Labctl(Path(folder))
            labctl.spec(LAB)
            text = as_text(kills(labctl, machines, options.kills))
    finally:
        down()
    print(text)
    write_part("kills", text)


if __name__ == "__main__":
    main()
