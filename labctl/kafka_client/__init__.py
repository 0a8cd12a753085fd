"""kafka-python behind few verbs. None of its exceptions leaves this package: they come out as KafkaFailed."""

from __future__ import annotations

from labctl.kafka_client.border import answers, load_library
from labctl.kafka_client.changing import Changing
from labctl.kafka_client.connection import REQUEST_SECONDS
from labctl.kafka_client.member import GroupMember
from labctl.kafka_client.records import Records
from labctl.kafka_client.values import Group, Quorum, Record, Voter

__all__ = [
    "REQUEST_SECONDS",
    "Group",
    "GroupMember",
    "KafkaClient",
    "Quorum",
    "Record",
    "Voter",
    "answers",
    "load_library",
]


class KafkaClient(Records, Changing):
    """One client of one Kafka, for all threads. `bootstrap` is HOST:PORT[,HOST:PORT…]; `settings` are kafka-python's.

    Each verb raises KafkaFailed where Kafka refuses, or does not answer within `seconds`; the first one, where it can't
    be connected to within `connect` seconds. A thread that kafka-python keeps longer is left behind.
    """
