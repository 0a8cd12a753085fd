"""Whether everything in a cluster is in its place: its brokers, replicas, voters and preferred leaders."""

from __future__ import annotations

from collections.abc import Collection

from labctl.kafka.client import KafkaClient
from labctl.kafka.preferred_leaders import restore_preferred_leaders
from labctl.system.waiting import NotReady


def require_whole(client: KafkaClient, brokers: Collection[int], voters: Collection[int]) -> None:
    """Require that each broker is registered, each ISR full, each voter caught up, and each preferred leader leads.

    Each broker must report it. Elects the preferred leaders where that is all that is missing. Raises NotReady with
    what is missing, KafkaFailed.
    """
    if missing := set(brokers) - set(client.broker_endpoints()):
        raise NotReady(f"broker {min(missing)} is not registered or fenced")
    for view in client.topic_views():
        problems = (partition.problem(topic) for topic, partitions in view.items() for partition in partitions)
        if problem := next(filter(None, problems), ""):
            raise NotReady(problem)
    if problem := client.quorum().problem(set(voters)):
        raise NotReady(problem)
    restore_preferred_leaders(client)
