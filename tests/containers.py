"""Containers as `docker inspect` shows them, for tests without an engine."""

from typing import Any

from labctl.runtime.docker.inspected import Inspected

ENVIRONMENT = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "INNER://:9092,CTRL://:9093,OUTER://:19094",
    "KAFKA_ADVERTISED_LISTENERS": "INNER://kafka:9092,OUTER://localhost:19094",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INNER:PLAINTEXT,CTRL:PLAINTEXT,OUTER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INNER",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CTRL",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@kafka:9093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
    "CLUSTER_ID": "GcdiDV_qwDlSRGQFj7vPDA",
}


def container(environment=None, **changes):
    """Return a running container of a broker without a fault, with `changes`."""
    found: dict[str, Any] = {
        "name": "course-kafka-1",
        "image": "apache/kafka:4.4.0",
        "state": "running",
        "exit_code": 0,
        "error": "",
        "started_at": "2026-11-26T20:00:00Z",
        "restarts": 0,
        "out_of_memory": False,
        "health_command": (),
        "environment": ENVIRONMENT | (environment or {}),
        "command": (),
        "image_command": (),
        "mounts": (),
        "tmpfs_modes": {},
        "ports": ((19094, 19094, "127.0.0.1"),),
        "networks": {"course_default": ("course-kafka-1", "kafka", "0123456789ab")},
        "network_mode": "",
        "hostname": "0123456789ab",
        "service": "kafka",
        "project": "course",
        "files": ("/course/compose.yml",),
        "memory": 0,
    }
    return Inspected(**(found | changes))
