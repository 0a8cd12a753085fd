"""DRILLS: the faults that a drill makes. Each function makes one in a Scene, waits for its effects, and repairs it.

It returns what it was done to, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labctl.drills.scene import Scene
from labctl.errors import SpecError


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill: its name, the function that makes its faults, and whether the lab has another Kafka afterwards."""

    name: str
    run: Callable[[Scene], str]
    upgrades: bool = False


def leader(scene: Scene) -> str:
    """Kill the leader of a partition, and return its name."""
    return _without(scene, scene.leader_of(), scene.kill)


def controller(scene: Scene) -> str:
    """Kill the leader of the metadata quorum, and return its name."""
    return _without(scene, scene.quorum_leader(), scene.kill, votes=True)


def broker(scene: Scene) -> str:
    """Stop a broker as an operator does, and return its name: it hands its partitions over before it ends."""
    return _without(scene, scene.leader_of(), scene.stop)


def rolling(scene: Scene) -> str:
    """Stop and start each node, one after another, and return how many."""
    names = {**scene.nodes.voters, **scene.nodes.brokers}
    for node in sorted(names, reverse=True):  # isolated controllers first
        _without(scene, node, scene.stop, votes=node in scene.nodes.voters)
    return f"{len(names)} nodes"


def isolate(scene: Scene) -> str:
    """Cut the leader of a partition off, until Kafka has fenced it, and return its name."""
    target = scene.leader_of()
    scene.isolate(target)
    scene.await_leaders()
    scene.await_fenced()
    scene.await_flow()
    scene.rejoin(target)
    scene.await_whole()
    scene.await_flow()
    return scene.nodes.name(target)


def partitions(scene: Scene) -> str:
    """Create many partitions, kill the leader of a third of them, and return its name."""
    scene.note_memory()
    scene.create_partitions()
    scene.note_memory()
    target = _without(scene, scene.leader_of(), scene.kill)
    scene.delete_partitions()
    return target


def upgrade(scene: Scene) -> str:
    """Upgrade each node to a newer Kafka, one after another, and return how many."""
    scene.upgrade()
    scene.await_flow()
    return f"{len({**scene.nodes.voters, **scene.nodes.brokers})} nodes"


def _without(scene: Scene, node: int, end: Callable[[int], None], *, votes: bool = False) -> str:
    """End a node, wait until the others do its work, start it again, and return its name."""
    end(node)
    if votes:
        scene.await_quorum()
    scene.await_leaders()
    scene.await_flow()
    scene.start(node)
    scene.await_whole()
    scene.await_flow()
    return scene.nodes.name(node)


DRILLS = {
    drill.name: drill
    for drill in (
        Drill("leader", leader),
        Drill("controller", controller),
        Drill("broker", broker),
        Drill("rolling", rolling),
        Drill("upgrade", upgrade, upgrades=True),
        Drill("partitions", partitions),
        Drill("isolate", isolate),
    )
}


def drill_named(name: str) -> Drill:
    """Return the drill called `name`. Raises SpecError, with the names that exist."""
    if name not in DRILLS:
        raise SpecError([f"there is no drill {name}; there are {', '.join(DRILLS)}"])
    return DRILLS[name]
