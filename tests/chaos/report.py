"""docs/chaos.md: what was done to the labs, and what broke."""

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from labctl.drills.accounts import Balance, total
from tests.chaos.attacks import Outcome

NOTHING = Balance(0, 0, 0, 0, 0)
KINDS = {
    "kill": "signals",
    "pair": "pairs",
    "node": "ended nodes",
    "record": "lost records",
    "surroundings": "bad surroundings",
}

HEAD = """# An hour of chaos

`make chaos`, seed {seed}, {minutes:.0f} minutes, {seasons} labs. Each lab was attacked at random moments while a writer
(idempotent, `acks=all`) and a reader of another project, librdkafka, used it. Then their records were counted, the lab
was attacked by commands that empty it too, and removed.

| | |
| --- | --- |
| signals to a running command (eight of ten SIGKILL; SIGTERM, SIGINT, SIGHUP) | {kills} |
| of these: the most seconds from SIGTERM, SIGINT or SIGHUP to the end | {ended} |
| two commands at once on one lab | {pairs} |
| nodes that were ended from outside (kill, stop, restart), each repaired by one `labctl up` | {nodes} |
| records of labs that were removed or cut off beside running nodes | {lost_records} |
| commands in bad surroundings | {surroundings} |
| records acknowledged | {acknowledged} |
| records read | {read} |
| lost, duplicated, out of order | {lost}, {duplicated}, {out_of_order} |
| clients that were started again, because librdkafka had forgotten all brokers | {started_again} |
| seconds of the `labctl up` after a node was ended: median, most | {repair} |
| things left after `labctl gc` and `labctl down` | {left} |
| faults | {faults} |

A record that was read and not acknowledged is no fault: the writer did not learn that Kafka had it. A librdkafka client
whose last broker responds, while it ends, that there are no brokers, never connects again, on any Kafka (issue 5301 of
librdkafka, open in 2.16). Its user has to start it again, and so does this run; the new one must write and read.

"""


@dataclass
class Season:
    """What happened to one lab."""

    preset: str
    runtime: str
    outcomes: list[Outcome] = field(default_factory=list)
    balance: Balance = NOTHING  # of a new reader after the attacks
    followed: Balance = NOTHING  # of the reader that was there during the attacks
    errors: list[str] = field(default_factory=list)  # of the writer and the reader
    started_again: int = 0  # clients of librdkafka that had forgotten all brokers
    left: dict[str, list] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Keep what an attack did."""
        self.outcomes.append(outcome)

    def number(self, kind: str) -> int:
        """How many attacks of a kind there were."""
        return sum(outcome.kind == kind for outcome in self.outcomes)

    @property
    def faults(self) -> list[str]:
        """What broke."""
        found = [f"{outcome.kind}, {outcome.what}: {outcome.fault}" for outcome in self.outcomes if outcome.fault]
        found += [f"traffic: {error}" for error in self.errors[:3]]
        found += [f"accounts: {self.balance}"] if self.balance.faulty else []
        found += [f"the reader that followed: {self.followed}"] if self.followed.faulty else []
        return found + [f"left: {kind} {thing}" for kind, things in self.left.items() for thing in things]

    def line(self) -> str:
        """The season in one line."""
        counts = ", ".join(f"{self.number(kind)} {name}" for kind, name in KINDS.items())
        return f"{self.preset} {self.runtime}: {counts}; {self.balance}; faults: {self.faults or 'none'}"


def as_markdown(seasons: list[Season], seed: int, minutes: float) -> str:
    """Return the document."""
    outcomes = [outcome for season in seasons for outcome in season.outcomes]
    count = Counter(outcome.kind for outcome in outcomes)
    records = total([season.balance for season in seasons])
    faults = [f"{season.preset} {season.runtime}: {fault}" for season in seasons for fault in season.faults]
    repairs = [outcome.repair for outcome in outcomes if outcome.kind == "node" and outcome.repair]
    head = HEAD.format(
        seed=seed,
        minutes=minutes,
        seasons=len(seasons),
        kills=count["kill"],
        ended=_most(outcome.ended for outcome in outcomes),
        pairs=count["pair"],
        nodes=count["node"],
        lost_records=count["record"],
        surroundings=count["surroundings"],
        acknowledged=f"{records.acknowledged:,}",
        read=f"{records.read:,}",
        lost=records.lost,
        duplicated=records.duplicated,
        out_of_order=records.out_of_order,
        started_again=sum(season.started_again for season in seasons),
        repair=f"{statistics.median(repairs):.1f}, {max(repairs):.1f}" if repairs else "none",
        left=sum(len(things) for season in seasons for things in season.left.values()),
        faults=len(faults),
    )
    listed = "## Faults\n\n" + "".join(f"- {' '.join(fault.split())[:600]}\n" for fault in faults) if faults else ""
    return (
        head + _labs(seasons) + "\n" + _codes(outcomes) + "\n" + _repairs(seasons) + ("\n" + listed if listed else "")
    )


def _most(seconds: Iterable[float | None]) -> str:
    return f"{max((each for each in seconds if each is not None), default=0.0):.1f}"


def _labs(seasons: list[Season]) -> str:
    lines = [
        "## By lab",
        "",
        f"| lab | runtime | times | {' | '.join(KINDS.values())} | acknowledged | read | faults |",
        f"| --- | --- | {' | '.join('---' for _ in KINDS)} | --- | --- | --- | --- |",
    ]
    for preset, runtime in dict.fromkeys((season.preset, season.runtime) for season in seasons):
        mine = [season for season in seasons if (season.preset, season.runtime) == (preset, runtime)]
        counts = " | ".join(str(sum(season.number(kind) for season in mine)) for kind in KINDS)
        records = total([season.balance for season in mine])
        faults = sum(len(season.faults) for season in mine)
        numbers = f"{len(mine)} | {counts} | {records.acknowledged:,} | {records.read:,} | {faults}"
        lines.append(f"| {preset} | {runtime} | {numbers} |")
    return "\n".join(lines) + "\n"


def _codes(outcomes: list[Outcome]) -> str:
    """The exit codes of each command: negative is a signal that nothing can catch."""
    codes: dict[str, Counter[int]] = {}
    for outcome in outcomes:
        for command, code in outcome.codes:
            codes.setdefault(command, Counter())[code] += 1
    lines = ["## Exit codes", "", "| command | exit code: times |", "| --- | --- |"]
    lines += [
        f"| `{command}` | {', '.join(f'{code}: {times}' for code, times in sorted(found.items()))} |"
        for command, found in sorted(codes.items())
    ]
    return "\n".join(lines) + "\n"


def _repairs(seasons: list[Season]) -> str:
    """Seconds of the `up` after the death of a node."""
    lines = [
        "## One `labctl up` after a node was ended",
        "",
        "With and without checks, in seconds.",
        "",
        "| lab | runtime | how | times | median | most |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    found: dict[tuple[str, str, str], list[float]] = {}
    for season in seasons:
        for outcome in season.outcomes:
            if outcome.kind == "node" and outcome.repair is not None:
                found.setdefault((season.preset, season.runtime, outcome.what.split()[0]), []).append(outcome.repair)
    for (preset, runtime, how), seconds in sorted(found.items()):
        lines.append(
            f"| {preset} | {runtime} | {how} | {len(seconds)} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |"
        )
    return "\n".join(lines) + "\n"
