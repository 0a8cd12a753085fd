"""Which node of a Docker Swarm runs which node of a lab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from labctl.plan.model import Place


@dataclass(frozen=True, slots=True)
class SwarmNode:
    """A node of a swarm, as its manager describes it now."""

    place: Place
    manager: bool = False
    roles: tuple[str, ...] = ()  # of the Kafka nodes that it may run; (): any
    memory: int = 0  # bytes
    hindrance: str = ""  # why it can run nothing: it is down, or drained; "": it can

    @property
    def is_down(self) -> bool:
        """Whether the swarm's managers do not hear of it."""
        return self.hindrance == "is down"


def place(
    members: Mapping[str, Sequence[str]], nodes: Sequence[SwarmNode], placed: Mapping[str, Place]
) -> dict[str, Place]:
    """Return where each member of a Kafka cluster runs: {name: place}. `members` are their process roles by name.

    Those that are `placed` already stay. Each other one goes where its own roles are rarest: on a node, then in a rack;
    then where the fewest others are. So two voters share a node only where there are more voters than nodes. Raises
    ValueError with the name of a member that no node may run.
    """
    found = {name: placed[name] for name in members if name in placed}

    def load(name: str, node: SwarmNode) -> tuple[int, int, int, int]:
        same = [found[other] for other in found if set(members[other]) & set(members[name])]
        return (
            sum(other.id == node.place.id for other in same),
            sum(other.rack == node.place.rack for other in same) if node.place.rack else 0,
            sum(other.id == node.place.id for other in found.values()),
            nodes.index(node),
        )

    for name, own in members.items():
        if name not in found:
            possible = [node for node in nodes if not node.roles or set(own) <= set(node.roles)]
            if not possible:
                raise ValueError(name)
            found[name] = min(possible, key=partial(load, name)).place
    return {name: found[name] for name in members}


def majority_on_one(placed: Mapping[str, Place], voters: Sequence[str]) -> Iterator[tuple[Place, list[str]]]:
    """Yield each place with several voters whose loss would leave no majority, with their names."""
    for where in dict.fromkeys(placed[name] for name in voters):
        own = [name for name in voters if placed[name] == where]
        if len(own) > 1 and not _survives(len(voters), len(own)):
            yield where, own


def nodes_needed(voters: int) -> int:
    """Return over how many nodes of a swarm so many voters must be spread."""
    return next(
        count for count in range(1, voters + 1) if (most := -(-voters // count)) == 1 or _survives(voters, most)
    )


def _survives(voters: int, lost: int) -> bool:
    """Whether the other voters are a majority."""
    return 2 * (voters - lost) > voters
