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
    """A drill; `about` says what it does, for people."""

    name: str
    about: str
    run: Callable[[Scene], str]
    upgrades: bool = False  # the lab has another Kafka afterwards


def leader(scene: Scene) -> str:
    """Kill the leader of a partition, and return its name."""
    target = scene.leader_of()
    scene.kill(target)
    scene.await_leaders()
    scene.await_flow()
    _bring_back(scene, target)
    return scene.nodes.name(target)


def controller(scene: Scene) -> str:
    """Kill the leader of the metadata quorum, and return its name."""
    target = scene.quorum_leader()
    scene.kill(target)
    scene.await_quorum()
    scene.await_leaders()
    scene.await_flow()
    _bring_back(scene, target)
    return scene.nodes.name(target)


def broker(scene: Scene) -> str:
    """Stop a broker as an operator does, and return its name: it hands its partitions over before it ends."""
    target = scene.leader_of()
    scene.stop(target)
    scene.await_leaders()
    scene.await_flow()
    _bring_back(scene, target)
    return scene.nodes.name(target)


def rolling(scene: Scene) -> str:
    """Stop and start each node, one after another, and return how many."""
    names = {**scene.nodes.voters, **scene.nodes.brokers}
    for node in sorted(names, reverse=True):  # isolated controllers first
        scene.stop(node)
        if node in scene.nodes.voters:
            scene.await_quorum()
        scene.await_leaders()
        scene.await_flow()
        _bring_back(scene, node)
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
    target = scene.leader_of()
    scene.kill(target)
    scene.await_leaders()
    scene.await_flow()
    _bring_back(scene, target)
    scene.delete_partitions()
    return scene.nodes.name(target)


def upgrade(scene: Scene) -> str:
    """Upgrade each node to a newer Kafka, one after another, and return how many."""
    scene.upgrade()
    scene.await_flow()
    return f"{len({**scene.nodes.voters, **scene.nodes.brokers})} nodes"


def _bring_back(scene: Scene, node: int) -> None:
    scene.start(node)
    scene.await_whole()
    scene.await_flow()


DRILLS = {
    drill.name: drill
    for drill in (
        Drill("leader", "kill the leader of a partition", leader),
        Drill("controller", "kill the leader of the metadata quorum", controller),
        Drill("broker", "stop a broker, which hands its partitions over first", broker),
        Drill("rolling", "stop and start each node, one after another", rolling),
        Drill("upgrade", "upgrade each node to a newer Kafka (--to), one after another", upgrade, upgrades=True),
        Drill("partitions", "create many partitions (--partitions), then kill a leader", partitions),
        Drill("isolate", "cut a leader off from clients and from the other nodes, until it is fenced", isolate),
    )
}


def drill_named(name: str) -> Drill:
    """Return the drill called `name`. Raises SpecError, with the names that exist."""
    if name not in DRILLS:
        raise SpecError([f"there is no drill {name}; there are {', '.join(DRILLS)}"])
    return DRILLS[name]
