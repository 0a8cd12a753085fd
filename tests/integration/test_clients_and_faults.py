"""Faults of the network, as clients that are not labctl's observe them: librdkafka, kafkajs, Java's."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import prepare
from labctl.versions import DEFAULT
from tests.integration.other_clients import KAFKAJS, installed

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(400)]

LATENCY = 200  # milliseconds
SECONDS = 60
LAB = "listeners: {external: {port: auto, faults: true}}\nui: {kind: none}\nchecks: none\n"


@pytest.fixture(scope="module")
def kafkajs(tmp_path_factory):
    """Return the folder in which kafkajs is installed."""
    folder = tmp_path_factory.mktemp("kafkajs")
    command = [installed("npm"), "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), KAFKAJS]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    return folder


@pytest.fixture(scope="module")
def jars():
    """Return the jars of Kafka's own clients and tools, and the Java that runs them."""
    kafka = prepare(DEFAULT, NullReporter())
    return kafka.java.executable, ":".join(kafka.jars)


def librdkafka(bootstrap, **_others):
    """Return what a producer of confluent-kafka observes: `ok MILLISECONDS`, or the errors."""
    from confluent_kafka import Producer

    errors, delivered = [], []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "message.timeout.ms": 4000,
            "socket.timeout.ms": 3000,
            "linger.ms": 0,
            "log_level": 0,
            "error_cb": lambda error: errors.append(str(error)),
        }
    )
    for text in ("first", "second"):  # the first one also fetches metadata
        producer.produce("orders", text, on_delivery=lambda error, message: delivered.append((error, message)))
        producer.flush(SECONDS)
    error, message = delivered[-1]
    return f"ok {1000 * (message.latency() or 0)}" if error is None else f"{error.name()} {' '.join(errors)}"


def node(bootstrap, kafkajs, **_others):
    """Return what kafkajs observes."""
    script = Path(__file__).with_name("kafkajs_fault.js")
    environment = os.environ | {"NODE_PATH": str(kafkajs / "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    command = ["node", str(script), bootstrap, "orders"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=True)
    return done.stdout


def java(bootstrap, jars, **_others):
    """Return what Java's producer observes, in the tool that measures it."""
    executable, classpath = jars
    settings = ["delivery.timeout.ms=4000", "request.timeout.ms=3000", "linger.ms=0", "max.block.ms=4000"]
    command = [
        *(str(executable), "-cp", classpath, "org.apache.kafka.tools.ProducerPerformance", "--topic", "orders"),
        *("--num-records", "10", "--throughput", "5", "--record-size", "10", "--producer-props"),
        *(f"bootstrap.servers={bootstrap}", *settings),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    found = re.search(r"10 records sent.* ([\d.]+) ms avg latency", done.stdout)
    return f"ok {found[1]}" if found else done.stdout + done.stderr


CLIENTS: dict[str, Callable[..., str]] = {"librdkafka": librdkafka, "kafkajs": node, "java": java}
OBSERVED = {
    "cut": {
        "librdkafka": r"_MSG_TIMED_OUT",
        "kafkajs": r"(Request .* timed out|Connection timeout)",
        "java": r"(TimeoutException|not present in metadata after 4000 ms)",
    },
    "refuse": {
        "librdkafka": r"Connection refused",
        "kafkajs": r"ECONNREFUSED",
        "java": r"(could not be established|TimeoutException|not present in metadata)",
    },
}


@pytest.fixture
def lab(labctl):
    """Return a labctl with a lab behind the proxy."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    return labctl


@pytest.mark.parametrize("client", CLIENTS)
def test_each_fault_is_observed_as_what_it_is(lab, client, kafkajs, jars):
    """Latency is measured, a cut times out, a refused connection is refused; after `clear` the client works."""
    bootstrap = lab.json("status")["endpoints"]["external"]

    def observed():
        return CLIENTS[client](bootstrap, kafkajs=kafkajs, jars=jars)

    def milliseconds():
        text = observed()
        assert text.startswith("ok "), text
        return float(text.split()[1])

    milliseconds()
    lab.run("fault", "latency", f"{LATENCY}ms", check=True)
    assert milliseconds() >= LATENCY
    lab.run("fault", "clear", check=True)
    for fault, patterns in OBSERVED.items():
        lab.run("fault", fault, check=True)
        text = observed()
        assert re.search(patterns[client], text), text
        lab.run("fault", "clear", check=True)
        milliseconds()
