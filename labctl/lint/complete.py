"""The complete Compose file that the examples of the rules are merged over: one node without a fault, and a second."""

from __future__ import annotations

from textwrap import indent

COMPLETE = """\
name: example
services:
  broker:
    image: apache/kafka:4.4.0
    ports: ["127.0.0.1:19094:19094"]
    environment:
      KAFKA_NODE_ID: 1
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:19094
      KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker:9092,EXTERNAL://localhost:19094
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
      KAFKA_INTER_BROKER_LISTENER_NAME: INTERNAL
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: 1
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: 1
      KAFKA_LOG_DIRS: /var/lib/kafka/data
      CLUSTER_ID: OXndFQGZ_896VjezLceO4A
"""


def as_overlay(example: str) -> str:
    """Return an example as a Compose file: what is no file yet are lines of the environment of `broker`."""
    if example.startswith("services:"):
        return f"{example}\n"
    return f"services:\n  broker:\n    environment:\n{indent(example, '      ')}\n"


def second_broker(*settings: str, number: int = 2) -> str:
    """Return the example of a second node, a broker with the id `number`; `settings` are more of its variables."""
    roles = ("KAFKA_PROCESS_ROLES: broker", "KAFKA_LISTENERS: INTERNAL://:9092")
    return _second(number, *roles, "KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092", *settings)


def second_controller(*settings: str) -> str:
    """Return the example of a second node, a broker and controller; `settings` are more of its variables."""
    listeners = "KAFKA_LISTENERS: INTERNAL://:9092,CONTROLLER://:9093"
    return _second(2, listeners, "KAFKA_ADVERTISED_LISTENERS: INTERNAL://second:9092", *settings)


def _second(number: int, *settings: str) -> str:
    lines = "\n".join([f"KAFKA_NODE_ID: {number}", *settings])
    return f"""\
services:
  second:
    extends: {{file: complete.yml, service: broker}}
    ports: !reset []
    environment:
{indent(lines, "      ")}"""
