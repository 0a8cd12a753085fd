"""What a Kafka says, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None = None  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Group:
    """A group: classic, consumer, share or streams (KIP-848, KIP-932); and its state, in Kafka's words."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Voter:
    """A voter as the quorum's leader sees it: how many records behind, and whether it was level just now."""

    id: int
    behind: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Quorum:
    """The metadata quorum. The leader's id is -1 where there is none."""

    leader: int
    voters: tuple[Voter, ...]

    def refusal(self, wanted: set[int]) -> str:
        """What is wrong with it where `wanted` are the ids of its voters, or nothing."""
        seen = {voter.id for voter in self.voters}
        if seen != wanted:
            return f"the voters are {sorted(seen)}"
        if self.leader not in wanted:
            return "there is no leader"
        late = [voter for voter in self.voters if not voter.caught_up]
        if late:
            named = ", ".join(f"voter {voter.id} is {voter.behind} records behind" for voter in late)
            return f"{len(wanted) - len(late)} of {len(wanted)} voters caught up: {named}"
        return ""
