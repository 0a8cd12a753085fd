"""The cases run in turn in each round, so that a slower machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SHORT = 0.01  # seconds; shorter times are shown with more digits


@dataclass(frozen=True, slots=True)
class Case:
    """A case to time. Where `run` returns seconds, they are the time. `prepare` and `clean_up` are not timed."""

    name: str
    run: Callable[[], float | None]
    prepare: Callable[[], None] = lambda: None
    clean_up: Callable[[], None] = lambda: None
    peer: str = ""  # the name of the case that this case is compared with
    second_peer: str = ""
    goals: Mapping[str, float] = field(default_factory=dict)  # {a key of `figures`: its upper limit}
    memory: Callable[[], int] | None = None  # the nodes' resident memory in bytes, measured after `run`


@dataclass(frozen=True, slots=True)
class Measured:
    """A case with the seconds and the memory in bytes of each round."""

    case: Case
    seconds: list[float]
    memory: list[int]

    @property
    def median(self) -> float:
        """The median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    def figures(self, others: Mapping[str, Measured]) -> dict[str, float]:
        """Return the figures for goals: seconds, MiB; compared with its peers the ratios and the seconds more.

        Ratios and differences are the medians of the rounds' own: within a round the machine is equally fast.
        """
        found = {"s": self.median}
        if self.case.memory:
            found["MiB"] = statistics.median(self.memory) / 2**20
        for name, peer in (("ratio", self.case.peer), ("second ratio", self.case.second_peer)):
            if peer in others:
                pairs = list(zip(self.seconds, others[peer].seconds, strict=True))
                found[name] = statistics.median(a / b for a, b in pairs)
                if name == "ratio":
                    found["s more"] = statistics.median(a - b for a, b in pairs)
        return found


def time_cases(cases: list[Case], rounds: int, report: Callable[[str], None]) -> dict[str, Measured]:
    """Return {name: measurements}, after a first round that is not counted."""
    measured = {case.name: Measured(case, [], []) for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            case.prepare()
            try:
                started = time.perf_counter()
                reported = case.run()
                took = time.perf_counter() - started if reported is None else reported
                resident = case.memory() if case.memory else 0
            finally:
                case.clean_up()
            if number:
                measured[case.name].seconds.append(took)
                measured[case.name].memory.append(resident)
        report(f"round {number} of {rounds}" if number else "warm")
    return measured


def table(measured: Mapping[str, Measured]) -> str:
    """Return a Markdown table: median, spread, ratio and memory of each case, its goals and whether they are met."""
    head = ("case", "median", "from", "to", "ratio", "memory", "goal", "")
    rows: list[tuple[str, ...]] = [head, ("---",) * len(head)]
    for name, case in measured.items():
        found = case.figures(measured)
        ratios = " / ".join(f"{found[key]:.2f}" for key in ("ratio", "second ratio") if key in found)
        memory = f"{found['MiB']:.0f} MiB" if "MiB" in found else ""
        digits = 2 if case.median >= SHORT else 5
        spread = tuple(f"{value:.{digits}f}" for value in (case.median, min(case.seconds), max(case.seconds)))
        goals = ", ".join(f"{key} <= {limit:g}" for key, limit in case.case.goals.items())
        verdict = ", ".join(_verdict(key, found.get(key), limit) for key, limit in case.case.goals.items())
        rows.append((name, f"{spread[0]} s", *spread[1:], ratios, memory, goals, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (" | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def _verdict(key: str, found: float | None, limit: float) -> str:
    if found is None:
        return f"{key} not measured"
    return "met" if found <= limit else f"{key} missed by {found - limit:.3g}"
