"""What a Kafka reports, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read. `timestamp` in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `kind` is classic, consumer, share or streams (KIP-848, KIP-932), `state` Kafka's own name for it."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of a user, a client id, an address, or a combination: ((type, name), …), None for all others."""

    entity: tuple[tuple[str, str | None], ...]
    limits: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return " and ".join(f"{kind} {'default' if name is None else name}" for kind, name in self.entity)


@dataclass(frozen=True, slots=True)
class Voter:
    """A voter or observer as the quorum's leader reports it.

    How many records it is behind, and whether it is caught up. `directory` is the id of its data folder, "" where this
    Kafka does not report it.
    """

    id: int
    behind: int
    caught_up: bool
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Quorum:
    """The metadata quorum. The leader's id is -1 where there is none; observers follow, and have no vote."""

    leader: int
    voters: tuple[Voter, ...]
    observers: tuple[Voter, ...] = ()

    def problem(self, voters: set[int]) -> str:
        """Return what is wrong where `voters` are the expected ids, or ""."""
        actual = {voter.id for voter in self.voters}
        if actual != voters:
            return f"the voters are {sorted(actual)}"
        if self.leader not in voters:
            return "there is no leader"
        lagging = [voter for voter in self.voters if not voter.caught_up]
        if lagging:
            names = ", ".join(f"voter {voter.id} is {voter.behind} records behind" for voter in lagging)
            return f"{len(voters) - len(lagging)} of {len(voters)} voters caught up: {names}"
        return ""
