"""kafka-python behind a few methods. None of its exceptions leaves this package: they come out as KafkaFailed."""

from __future__ import annotations

from labctl.kafka.client.adapter import connection_error, load_library
from labctl.kafka.client.admin_write import AdminWrite
from labctl.kafka.client.cluster_state import ALL_BROKERS, ClusterState
from labctl.kafka.client.connection import REQUEST_SECONDS
from labctl.kafka.client.group_consumer import GroupConsumer
from labctl.kafka.client.records import Records
from labctl.kafka.client.streams import Streams
from labctl.kafka.client.types import Group, Quorum, Quota, Record, Voter
from labctl.kafka.client.unpacking import LARGEST_BATCH, Oversized

__all__ = [
    "ALL_BROKERS",
    "LARGEST_BATCH",
    "REQUEST_SECONDS",
    "Group",
    "GroupConsumer",
    "KafkaClient",
    "Oversized",
    "Quorum",
    "Quota",
    "Record",
    "Voter",
    "connection_error",
    "load_library",
]


class KafkaClient(Records, AdminWrite, ClusterState, Streams):
    """One client of one Kafka, for all threads. `bootstrap` is HOST:PORT[,HOST:PORT…]; `settings` are kafka-python's.

    Each method raises KafkaFailed where Kafka refuses or does not respond within `seconds`, and where the client can't
    connect within `connect` seconds. A call of kafka-python that takes longer goes on in its own thread.
    """
