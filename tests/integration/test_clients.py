"""Clients that this project did not write pass records to one another through the lab's `orders`."""

import itertools
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.local

SECONDS = 60
KAFKAJS = "kafkajs@2.2.4"


def missing(program, name):
    """Skip where a client is not installed, or fail where LABCTL_REQUIRE_CLIENTS=1 says that it must be."""
    if program is None:
        message = f"{name} is missing; install it: apt-get install {name}"
        assert os.environ.get("LABCTL_REQUIRE_CLIENTS") != "1", message
        pytest.skip(message)


class Kcat:
    """librdkafka's command line."""

    def __init__(self, bootstrap):
        self.program = shutil.which("kcat")
        missing(self.program, "kcat")
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
    """The client of Node.js programs."""

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


@pytest.fixture(scope="module")
def clients(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kafkajs")
    npm = shutil.which("npm")
    missing(npm, "npm")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), KAFKAJS]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    bootstrap = shared.bootstrap
    return {
        "kcat": Kcat(bootstrap),
        "confluent-kafka": ConfluentKafka(bootstrap),
        "kafkajs": KafkaJs(bootstrap, folder),
    }


@pytest.mark.network
@pytest.mark.parametrize(("writer", "reader"), list(itertools.permutations(["kcat", "confluent-kafka", "kafkajs"], 2)))
def test_what_one_client_writes_another_reads(clients, writer, reader):
    """A fresh payload through `orders`, for every ordered pair."""
    fresh = f"{writer}-{uuid.uuid4()}"
    clients[writer].produce(fresh)
    assert fresh in clients[reader].consume(fresh)
