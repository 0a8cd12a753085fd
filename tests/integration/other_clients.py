"""Other Kafka clients than labctl's own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SECONDS = 60
KAFKAJS = "kafkajs@2.2.4"


def installed(name):
    """Return the path of a program. Skip where it is missing, or fail where LABCTL_REQUIRE_CLIENTS=1 requires it."""
    program = shutil.which(name)
    if program is None:
        message = f"{name} is missing; install it: apt-get install {name}"
        assert os.environ.get("LABCTL_REQUIRE_CLIENTS") != "1", message
        pytest.skip(message)
    return program


class Kcat:
    """kcat, the command line client of librdkafka."""

    def __init__(self, bootstrap):
        self.program = installed("kcat")
        self.bootstrap = bootstrap

    def produce(self, text):
        command = [self.program, "-P", "-b", self.bootstrap, "-t", "orders"]
        subprocess.run(command, input=text, text=True, check=True, timeout=SECONDS)

    def consume(self, text):
        command = [self.program, "-C", "-e", "-q", "-b", self.bootstrap, "-t", "orders", "-o", "beginning"]
        read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
        return read.stdout.splitlines()


class ConfluentKafka:
    """Confluent's Python client."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def produce(self, text):
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce("orders", text.encode())
        assert producer.flush(SECONDS) == 0

    def consume(self, text):
        from confluent_kafka import Consumer

        settings = {"bootstrap.servers": self.bootstrap, "group.id": text, "auto.offset.reset": "earliest"}
        consumer = Consumer(settings)
        consumer.subscribe(["orders"])
        read = []
        for _ in range(SECONDS * 10):
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                read.append(message.value().decode())
                if read[-1] == text:
                    break
        consumer.close()
        return read


class KafkaJs:
    """KafkaJS, a client for Node.js."""

    def __init__(self, bootstrap, folder):
        self.bootstrap = bootstrap
        self.folder = folder

    def _run(self, verb, text):
        script = Path(__file__).with_name("kafkajs_client.js")
        environment = os.environ | {
            "NODE_PATH": str(self.folder / "node_modules"),
            "KAFKAJS_NO_PARTITIONER_WARNING": "1",
        }
        command = ["node", str(script), verb, self.bootstrap, "orders", text]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS, env=environment
        ).stdout

    def produce(self, text):
        self._run("produce", text)

    def consume(self, text):
        return self._run("consume", text).splitlines()


def write_with_librdkafka(settings, count):
    """Write so many records to the topic orders, each acknowledged; return their values."""
    from confluent_kafka import Producer

    producer, reports = Producer(settings), []
    values = [f"librdkafka-{number}" for number in range(count)]
    for value in values:
        producer.produce("orders", value, on_delivery=lambda error, _message: reports.append(error))
    assert producer.flush(SECONDS) == 0
    assert reports == [None] * count
    return values


def read_by_librdkafka(settings):
    """Return all records of the topic orders: {(partition, offset): value}."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(settings | {"group.id": "reader", "enable.partition.eof": True})
    partitions = consumer.list_topics("orders", SECONDS).topics["orders"].partitions
    consumer.assign([TopicPartition("orders", number, 0) for number in partitions])
    records, ended = {}, set()
    while len(ended) < len(partitions):
        message = consumer.poll(SECONDS)
        assert message is not None
        if message.error():
            ended.add(message.partition())
        else:
            records[(message.partition(), message.offset())] = message.value().decode()
    consumer.close()
    return records
