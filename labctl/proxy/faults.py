"""The faults of the network between clients and one broker, as values and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s)")
RATE = re.compile(r"(\d{1,6})(k|m)", re.IGNORECASE)
UNITS = {"k": 1 << 10, "m": 1 << 20}
LONGEST = 60.0  # seconds of latency


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of the connections to one broker.

    `latency` in seconds is added to each response, plus or minus up to `jitter`; `bandwidth` in bytes a second of each
    connection and direction, 0 for no limit; `cut`: connections stay, and nothing passes; `refuse`: no connection is
    accepted, and there is none. Connections are reset once for each number of `resets`.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: int = 0
    cut: bool = False
    refuse: bool = False
    resets: int = 0

    @property
    def texts(self) -> list[str]:
        """What is not as it should be, in words."""
        found = []
        if self.latency or self.jitter:
            found.append(f"latency {1000 * self.latency:g} ms" + (f" ± {1000 * self.jitter:g}" if self.jitter else ""))
        if self.bandwidth:
            found.append(f"bandwidth {self.bandwidth // UNITS['k']}k")
        return found + (["cut"] if self.cut else []) + (["refuse"] if self.refuse else [])


def slow(faults: Faults, latency: float, jitter: float) -> Faults:
    """Return the faults with other seconds of latency and jitter."""
    return replace(faults, latency=latency, jitter=jitter)


def limit(faults: Faults, bandwidth: int) -> Faults:
    """Return the faults with another bandwidth, in bytes a second."""
    return replace(faults, bandwidth=bandwidth)


def cut(faults: Faults) -> Faults:
    """Return the faults where connections stay and nothing passes."""
    return replace(faults, cut=True, refuse=False)


def refuse(faults: Faults) -> Faults:
    """Return the faults where no connection is accepted."""
    return replace(faults, refuse=True, cut=False)


def reset(faults: Faults) -> Faults:
    """Return the faults with one more reset of the connections."""
    return replace(faults, resets=faults.resets + 1)


def clear(faults: Faults) -> Faults:
    """Return no faults. The number of resets stays: the connections are not reset again."""
    return Faults(resets=faults.resets)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the proxy must do: the faults of each broker by the name of its node. `number` counts the changes."""

    number: int
    nodes: Mapping[str, Faults]

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"number": self.number, "nodes": {name: asdict(faults) for name, faults in self.nodes.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Setting:
        """Return what `to_json` returned. Raises KeyError, TypeError, ValueError."""
        return cls(int(document["number"]), {name: Faults(**values) for name, values in document["nodes"].items()})


def duration(text: str) -> float:
    """Return the seconds of `200ms` or `1.5s`. Raises ValueError."""
    match = DURATION.fullmatch(text)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else -1.0
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{text}: a time is a number and ms or s, like 200ms, and {LONGEST:.0f} s at most")
    return seconds


def rate(text: str) -> int:
    """Return the bytes a second of `64k` or `2m`. Raises ValueError."""
    match = RATE.fullmatch(text)
    if not match or int(match[1]) < 1:
        raise ValueError(f"{text}: a bandwidth is a number and k or m (KiB or MiB a second), like 64k")
    return int(match[1]) * UNITS[match[2].lower()]
