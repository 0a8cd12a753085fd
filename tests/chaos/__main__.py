"""`make chaos`: an hour of attacks on labs of each preset in each runtime; writes docs/chaos.md.

A season is one lab: attacks while a writer and a reader of another project use it, their accounts, attacks that empty
it, and its removal. Both runtimes are attacked at the same time. The same seed makes the same choices; how far a
command is when it is killed is chance.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.attacks import Attacks, Outcome
from tests.chaos.commands import RUN
from tests.chaos.lab import PRESETS, RUNTIMES, SHARES, Lab
from tests.chaos.report import Season, as_markdown
from tests.chaos.traffic import Traffic
from tests.integration.snapshot import Snapshot

SEED = 20261127
WHILE_WRITING, EMPTYING = 14, 6  # attacks in one season


def season(lab: Lab, attacks: Attacks, before: Snapshot, sizes: tuple[int, int] = (WHILE_WRITING, EMPTYING)) -> Season:
    """Attack one lab until it is removed, and return what happened."""
    done = Season(lab.preset, lab.runtime)
    lab.labctl.run("up", "--checks", "none", check=True)
    with Traffic(lab.login()) as traffic:
        for _ in range(sizes[0]):
            done.add(attacks.one(emptying=False))
        last = Outcome("end", "the end of the season")
        attacks.repair(last)
        done.add(last)
    done.balance, done.followed, done.errors = traffic.balance(), traffic.followed(), traffic.errors
    done.started_again = traffic.started_again
    for _ in range(sizes[1]):
        done.add(attacks.one(emptying=True))
    for command in ("gc", "down"):
        lab.labctl.run(command, check=True, timeout=150)
    done.left = lab.left_since(before)
    return done


def warm_up(lab: Lab) -> None:
    """Make what stays by design: caches, locks of the labs' names, folders."""
    lab.set_up("homework")
    for line in (
        "up",
        "evidence --force -o made-evidence",
        "notebook --run --force -o made.ipynb",
        f"run --preset homework --name {RUN} --ports auto --checks none -- true",
        "down",
    ):
        lab.labctl.run(*line.split(), check=True, timeout=300)


def seasons(lab: Lab, chance: random.Random, minutes: float) -> Iterator[Season]:
    """Yield season after season, until the time is over."""
    started = time.monotonic()
    attacks = Attacks(lab, chance)
    warm_up(lab)
    before = lab.observed()
    presets: list[str] = []
    while time.monotonic() - started < minutes * 60:
        presets = presets or chance.sample(
            list(PRESETS), counts=[preset.share for preset in PRESETS.values()], k=SHARES
        )
        lab.set_up(presets.pop())
        yield season(lab, attacks, before)


def attacked(folder: Path, runtime: str, seed: int, minutes: float) -> list[Season]:
    """Attack labs in a runtime, and return what happened."""
    lab = Lab(folder, runtime)
    done = []
    try:
        for each in seasons(lab, random.Random(f"{seed} {runtime}"), minutes):
            done.append(each)
            sys.stderr.write(f"{each.line()}\n")
    except Exception as error:  # noqa: BLE001 - the document has what was found until then
        done.append(Season(lab.preset, runtime, errors=[f"the run ended: {error}"]))
    finally:
        lab.labctl.end_started()
        lab.labctl.run("down", "--all", timeout=300)
    return done


def main() -> None:
    """Attack labs in both runtimes at the same time, and write the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    Lab(folder / "image", "compose").labctl.run("image", "build", check=True, timeout=300)
    try:
        with ThreadPoolExecutor() as threads:
            working = [
                threads.submit(attacked, folder / runtime, runtime, arguments.seed, arguments.minutes)
                for runtime in RUNTIMES
            ]
        done = [each for work in working for each in work.result()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(as_markdown(done, arguments.seed, arguments.minutes), encoding="utf-8")
    sys.exit(any(each.faults for each in done))


if __name__ == "__main__":
    main()
