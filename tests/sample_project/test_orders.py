"""The tests of a project that uses labctl's pytest plugin: they use its fixtures alone."""

import os
import signal
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition


def send_and_receive(bootstrap, topic, value):
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(topic, value).get(timeout=60)
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=60_000, group_id=None
    )
    consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
    found = next(consumer).value
    consumer.close()
    return found


@pytest.mark.parametrize("number", range(12))
def test_a_record_goes_through(kafka_bootstrap, kafka_topic, number):
    value = f"order {number}".encode()
    assert send_and_receive(kafka_bootstrap, kafka_topic, value) == value


def test_a_worker_dies_once(kafka_lab):
    """This worker is killed once, where KILLED names a file that does not exist yet."""
    killed = os.environ.get("KILLED")
    if killed and not Path(killed).exists():
        Path(killed).touch()
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.kafka(version="4.0.2")
def test_another_version(kafka_lab):
    assert kafka_lab.plan.kafka_version == "4.0.2"
    assert kafka_lab.environment["KAFKA_BOOTSTRAP_SERVERS"] == kafka_lab.bootstrap
