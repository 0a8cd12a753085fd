"""Volumes with the data of another cluster, and containers of somebody else that use what belongs to a lab."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labctl.errors import HostError
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.node_container import CLUSTER_LABEL

RELEASE = {"network": "network disconnect -f {name} {user}", "volume": "rm -f {user}"}


def refuse_foreign_volumes(
    engine: Engine, names: Iterable[str], cluster: str, *, where: str = "", docker: str = "docker"
) -> None:
    """Raise HostError for a volume of another cluster: Kafka would start with its data and its cluster id.

    `where` follows its name in the message, `docker` is the command that reaches the engine. Raises RuntimeFailed.
    """
    for name, inspected in engine.volumes(list(names)).items():
        if (inspected.get("Labels") or {}).get(CLUSTER_LABEL) != cluster:
            raise HostError(
                f"there is already a volume {name}{where}, with the data of another cluster",
                f"{docker} volume rm {name} removes it for good; or give this lab another name: labctl up --name NAME",
                "foreign-volume",
            )


def refuse_foreign_users(
    engine: Engine, found: Mapping[str, Sequence[str]], *, where: str = "", docker: str = "docker"
) -> None:
    """Raise HostError where a container that is not among `found` uses a network or volume of `found`: {kind: names}.

    `where` and `docker` are as in refuse_foreign_volumes. Raises RuntimeFailed.
    """
    for kind, release in RELEASE.items():
        for name in found.get(kind, ()):
            if others := sorted(set(engine.users_of(kind, name)) - set(found.get("container", ()))):
                ways = [f"{docker} {release.format(name=name, user=user)}" for user in others]
                raise HostError(
                    f"the lab's {kind} {name} is in use by {' and '.join(others)}{where}, not of this lab",
                    f"{'; '.join(ways)}; then run labctl down again",
                    "held",
                )
